#!/bin/bash
# What tools/package made, on a Debian that has nothing else: the archive, then the packages, used and removed again. Needs root,
# mmdebstrap, about 3 GB in TMPDIR (/var/tmp) and the way to Debian's archive that apt has here.
#
#   tests/packages_test.sh PACKAGES HELPER      e.g. tests/packages_test.sh build/package/packages build/release/tests/kill_helper
#
# With KEEP=1 the tree stays.
set -euo pipefail
[[ $# -eq 2 ]] || { echo "usage: $0 PACKAGES HELPER" >&2; exit 2; }
[[ $(id -u) -eq 0 ]] || { echo "$0: needs root, to work inside a tree of its own" >&2; exit 2; }
command -v mmdebstrap > /dev/null || { echo "$0: found no mmdebstrap. Fix: apt-get install mmdebstrap" >&2; exit 2; }
packages=$(realpath "$1") helper=$(realpath "$2") source=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/lyceum-packages.XXXXXX")
root=$work/root
mounted=()
finish() {
  for place in "${mounted[@]}"; do umount -l "$place"; done
  if [[ -n ${KEEP:-} ]]; then echo "kept: $work"; else rm -rf --one-file-system "$work"; fi
}
trap finish EXIT
fail() {
  echo "packages_test: FAILED: $*" >&2
  exit 1
}
step() { echo "packages_test: $*"; }
# inside COMMAND...: inside the tree, with nothing of this environment but a proxy
proxies=()
for name in http_proxy https_proxy HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY; do
  [[ -z ${!name:-} ]] || proxies+=("$name=${!name}")
done
inside() {
  chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "${proxies[@]}" "$@"
}
install() { inside apt-get -qq -y -o Dpkg::Use-Pty=0 install "$@" > "$work/log" 2>&1 || fail "apt-get install $*: $(tail -n 20 "$work/log")"; }
# expect PATTERN COMMAND...: the output of the command, run inside, matches; it stays in $out
expect() {
  local pattern=$1
  shift
  out=$(inside "$@" 2>&1) || fail "$* ended with status $?: $out"
  [[ $out =~ $pattern ]] || fail "$* printed: $out
expected: $pattern"
}

# ---- what is there
shopt -s nullglob
debs=("$packages"/*.deb) archives=("$packages"/*.tar.gz)
[[ ${#archives[@]} -eq 1 ]] || fail "found ${#archives[@]} archives in $packages, expected one"
names=$(for deb in "${debs[@]}"; do dpkg-deb -f "$deb" Package; done | sort | tr '\n' ' ')
[[ $names == "liblyceum-dev liblyceum0 lyceum lyceum-ann lyceum-mpi " ]] || fail "found the packages $names"
version=$(dpkg-deb -f "$packages"/lyceum_*.deb Version)
architecture=$(dpkg --print-architecture)
deb() { echo "/test/packages/$1_${version}_$architecture.deb"; }  # where it lies inside
for deb in "${debs[@]}"; do
  name=$(dpkg-deb -f "$deb" Package)
  [[ $(basename "$deb") == "${name}_${version}_$architecture.deb" ]] || fail "$deb has another name than its content"
  list=$(dpkg-deb -c "$deb")
  [[ -z $(grep -vE '^(d[rwx-]+x|-rw-r--r--|lrwxrwxrwx|-rwxr-xr-x) root/root' <<< "$list") ]] || fail "$deb: owners or permissions: $list"
  for file in copyright changelog.gz; do
    grep -q "\./usr/share/doc/$name/$file$" <<< "$list" || fail "$deb has no $file"
  done
  control=$(dpkg-deb --ctrl-tarfile "$deb" | tar -t | sed 's|^\./||' | sort | tr '\n' ' ')
  [[ $control =~ ^\ ?control\ md5sums\ (shlibs\ triggers\ )?$ ]] || fail "$deb has the control files $control"
done
if command -v lintian > /dev/null; then
  lintian --fail-on error,warning "${debs[@]}" || fail "lintian has something to say"
fi

# ---- a bare Debian, with a model in it
step "making a bare Debian 12 in $root"
# with the sources of this machine, where they are Debian's
sources=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources)
for i in "${!sources[@]}"; do [[ -s ${sources[i]} ]] || unset "sources[i]"; done
mmdebstrap --quiet --variant=minbase bookworm "$root" "${sources[@]}"
cp -n /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" || true
cp /etc/resolv.conf /etc/hosts "$root/etc/"
for place in proc dev; do mount --rbind /$place "$root/$place" && mount --make-rslave "$root/$place" && mounted+=("$root/$place"); done
mkdir "$root/test"
"$helper" model "$root/test/model"
"$helper" embed "$root/test/model" "the cat" "a dog" > "$work/vectors"
"$helper" lines "$root/test/lines.txt" 200
"$helper" notes "$root/test/notes" 20

# use COMMAND NAME: the command at work; its vectors go to /test/NAME.npy
use() {
  local lyceum=$1 name=$2
  expect "^lyceum $version" "$lyceum" --version
  expect "version +$version" "$lyceum" doctor
  expect '^\[CLS\]\([0-9]+\) the\([0-9]+\) cat\(' "$lyceum" tokenize /test/model "the cat"
  inside "$lyceum" embed /test/model --input /test/lines.txt --output "/test/$name.npy" 2> "$work/log" || fail "embed: $(cat "$work/log")"
}
search() {
  expect "20 files" "$1" index /test/notes --model /test/model --output "/test/$2.index" "${@:3}"
  expect 'notes/[0-9]{4}\.md:' "$1" search "/test/$2.index" "the cat sat"
}

# ---- the archive: unpacked anywhere
step "the archive"
mkdir "$root/opt/a folder"
tar -C "$root/opt/a folder" -xzf "${archives[0]}"
unpacked=$(basename "${archives[0]}" .tar.gz)
[[ $(ls "$root/opt/a folder") == "$unpacked" ]] || fail "the archive holds $(ls "$root/opt/a folder"), expected $unpacked"
there="/opt/a folder/$unpacked"
use "$there/bin/lyceum" archive
expect "approximate search: Faiss.*MPI: none \(" "$there/bin/lyceum" doctor
for file in "$root/$there"/lib/*/liblyceum.so.0 "$root/$there"/lib/*/lyceum/*; do
  [[ $file == */liblyceum_mpi.so ]] || expect '=> /' ldd "${file#"$root"}"
  [[ $file == */liblyceum_mpi.so || ! $out =~ "not found" ]] || fail "${file#"$root"} lacks libraries: $out"
done
search "$there/bin/lyceum" archive --ann hnsw
for model in "$source"/models/*/config.json; do
  expect "$(basename "$(dirname "$model")")" "$there/bin/lyceum" list
  expect "BertForMaskedLM" "$there/bin/lyceum" show "$(basename "$(dirname "$model")")"
done
for file in share/man/man1/lyceum.1 share/bash-completion/completions/lyceum share/zsh/site-functions/_lyceum share/fish/vendor_completions.d/lyceum.fish \
  share/doc/lyceum/LICENSE share/doc/lyceum/copyright share/doc/lyceum/libraries/README; do
  [[ -s $root/$there/$file ]] || fail "the archive has no $file"
done
for library in "$root/$there"/lib/*/lyceum/*.so*; do
  name=$(basename "$library")
  [[ $name == liblyceum_* ]] || grep -q "^$name: " "$root/$there/share/doc/lyceum/libraries/README" || fail "$name has no terms"
done

# ---- the command's package, alone
step "the package of the command"
mkdir "$root/test/packages"
cp "${debs[@]}" "$root/test/packages/"
inside apt-get -qq update
install --no-install-recommends "$(deb lyceum)" man-db bash-completion zsh fish
rm -rf "$root/opt/a folder"
use lyceum deb
expect 'approximate search: none \(.*MPI: none \(' lyceum doctor
cmp "$root/test/archive.npy" "$root/test/deb.npy" || fail "the archive's vectors are not the package's"
search lyceum deb
expect '^/usr/share/man/man1/lyceum\.1\.gz$' man -w lyceum
expect 'language models' bash -c 'man lyceum | cat'
expect '^complete .*-F _lyceum lyceum' bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader lyceum || complete -p lyceum'
expect '^_lyceum$' zsh -c 'autoload -Uz compinit && compinit -u -D && print $_comps[lyceum]'
expect '(^|[[:space:]])tokenize' fish -c 'complete -C "lyceum tok"'

# ---- what is optional
step "approximate search and several processes"
if inside lyceum index /test/notes --model /test/model --output /test/none.index --ann hnsw 2> "$work/log"; then fail "--ann without its package"; fi
grep -q "lyceum-ann" "$work/log" || fail "the message names no package: $(cat "$work/log")"
install --no-install-recommends "$(deb lyceum-ann)"
install "$(deb lyceum-mpi)"
expect 'approximate search: Faiss.*MPI: Open MPI' lyceum doctor
search lyceum ann --ann hnsw
inside mpirun --allow-run-as-root --oversubscribe -n 2 lyceum embed /test/model --input /test/lines.txt --output /test/mpi.npy 2> "$work/log" || fail "mpirun: $(cat "$work/log")"
cmp "$root/test/mpi.npy" "$root/test/deb.npy" || fail "the vectors of two processes are not those of one"

# ---- the library
step "the library, from C and C++"
install --no-install-recommends gcc libc6-dev
install "$(deb liblyceum0)"
[[ ! -e $root/usr/include/lyceum.h ]] || fail "liblyceum0 has a header"
install --no-install-recommends "$(deb liblyceum-dev)" pkg-config
cp -r "$source/examples" "$source/tests/consumer" "$source/tests/consumer_c" "$root/test/"
inside sh -ec 'cd /test; gcc -std=c11 -Wall -Wextra -Werror -pedantic examples/embed_texts.c $(pkg-config --cflags --libs lyceum) -o embed_texts'
inside /test/embed_texts /test/model "the cat" "a dog" | cmp - "$work/vectors" || fail "the C example's vectors are not the helper's"
recommended=$(dpkg-deb -f "$root/$(deb liblyceum-dev)" Recommends | tr -d ,)
# shellcheck disable=SC2086
install --no-install-recommends g++ cmake ninja-build $recommended
for project in consumer consumer_c; do
  inside sh -ec "cd /test; cmake -S $project -B build_$project -G Ninja -DEXAMPLES=/test/examples; cmake --build build_$project" > "$work/log" 2>&1 ||
    fail "$project: $(tail -n 20 "$work/log")"
done
inside /test/build_consumer_c/embed_texts /test/model "the cat" "a dog" | cmp - "$work/vectors" || fail "the vectors by CMake are not the helper's"
expect "20 files added" sh -c 'cd /test && build_consumer/search_notes model notes "the cat"'

# ---- nothing is left
step "removing"
inside apt-get -qq -y purge lyceum lyceum-mpi lyceum-ann liblyceum0 liblyceum-dev > "$work/log" 2>&1 || fail "purge: $(cat "$work/log")"
# man keeps pages that it has shown
left=$(inside find / -xdev -iname '*lyceum*' -not -path '/test/*' -not -path '/var/cache/man/*' -not -path '/proc/*' -not -path '/dev/*' -not -path '/sys/*')
[[ -z $left ]] || fail "left behind: $left"
left=$(inside dpkg-query -W -f '${Package} ${db:Status-Status}\n' '*lyceum*' 2> /dev/null | grep -v not-installed || true)
[[ -z $left ]] || fail "still known to dpkg: $left"
if inside ldconfig -p | grep lyceum; then fail "the linker's cache still knows the library"; fi
echo "packages_test: all is well"
