#!/usr/bin/env bash
# ./quickstart where nothing can be fetched: it ends well, with the model of the project, and says what is lost.
#   tests/quickstart_test.sh LYCEUM
set -euo pipefail
lyceum=$(realpath "$1") source=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "quickstart_test: FAILED: $*" >&2
  exit 1
}
# A hub and an index at a port where nobody listens; programs of apt and pip that do nothing, so that nothing is installed.
mkdir "$work/bin"
for name in curl pip3; do
  printf '#!/bin/sh\necho "%s: cannot connect" >&2\nexit 7\n' $name > "$work/bin/$name"
done
printf '#!/bin/sh\nprintf installed\n' > "$work/bin/dpkg-query"
chmod +x "$work/bin"/*
run() {
  env -u HF_HUB_CACHE PATH="$work/bin:$PATH" HOME="$work/home" LYCEUM_HOME="$work/lyceum" HF_HOME="$work/hf" HF_ENDPOINT=http://127.0.0.1:9 \
    QUICKSTART_COMMAND="$lyceum" QUICKSTART_WORK="$work" "$source/quickstart" > "$work/out" 2>&1
}
expect() { grep -qE -- "$1" "$work/out" || fail "expected '$1' in: $(cat "$work/out")"; }

run || fail "status $?: $(cat "$work/out")"
expect "get-minilm: neither the hub nor the package could be reached"
expect "no question is answered by its meaning"
expect "vectors were not trained for similarity"
[[ $(grep -c '^\? ' "$work/out") -eq 3 ]] || fail "expected three sentences: $(cat "$work/out")"
expect "^ *[0-9.]+ +[a-z]+|^[a-z]+ .*0\.[0-9]+|door"
expect "notes/flash_attention\.md:|notes/[a-z_]+\.md:"
[[ -z $(ls "$work/lyceum/models" 2> /dev/null) ]] || fail "left behind: $(ls "$work/lyceum/models")"

# With the model in its place nothing is said to be lost.
mkdir -p "$work/lyceum/models"
cp -r "$source/src/tasks/embed/golden/tiny_sentence_model" "$work/lyceum/models/all-MiniLM-L6-v2"
run || fail "status $?: $(cat "$work/out")"
expect "is here already"
if grep -q "cannot be had" "$work/out"; then fail "it is said to be lost: $(cat "$work/out")"; fi
echo "quickstart_test: all is well"
