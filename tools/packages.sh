# Sourced by ./quickstart and ./test: installs what is missing of Debian's packages.
# need_packages NAME...
need_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || { echo "These packages are missing: ${missing[*]}. Fix: apt-get install them as root." >&2; exit 1; }
    as_root=(sudo)
  fi
  echo "-- installing ${missing[*]}" >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" > /dev/null
}

# What the product is built with, and what its tests need beside that.
build_packages=(g++ cmake ninja-build pkg-config libhwy-dev libfmt-dev nlohmann-json3-dev libcli11-dev libsqlite3-dev
                libtomlplusplus-dev libzstd-dev zlib1g-dev liblinear-dev libpcre2-dev nettle-dev libcurl4-openssl-dev libfaiss-dev)
test_packages=(libgtest-dev clang-format python3 libopenmpi-dev)
# What tools/package needs beside the first.
package_packages=(libopenmpi-dev dpkg-dev file patchelf)
