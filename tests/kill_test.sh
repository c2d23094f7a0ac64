#!/bin/bash
# kill -9 at random moments: `lyceum index` and `lyceum embed --resume` lose nothing that was committed, and running them again
# to the end gives what an uninterrupted run gives, bit for bit. `lyceum pull` goes on where it was killed, and no wrong file ever
# has a final name. `lyceum train` goes on from its checkpoints and ends with the model of a run that was never stopped.
#
#   tests/kill_test.sh COMMAND HELPER [KILLS [NOTES [LINES]]]
#
# KILLS of each verb (5). NOTES: a folder to index, LINES: a file to embed (both are made when not given). With LYCEUM_MINILM set to
# a model's folder that model is used instead of a made one. RANDOM_SEED makes the moments of a run the same; KILL_VERBS holds it to
# one of "index embed train pull"; KILL_ANN=hnsw has `index` make that approximate structure too.
set -u
[[ $# -ge 2 ]] || { echo "usage: $0 COMMAND HELPER [KILLS [NOTES [LINES]]]" >&2; exit 2; }
lyceum=$(realpath "$1") helper=$(realpath "$2") kills=${3:-5}
work=$(mktemp -d)
hub_pid=
trap '[[ -z $hub_pid ]] || kill "$hub_pid" 2> /dev/null; rm -rf "$work"' EXIT
seed=${RANDOM_SEED:-$$}
RANDOM=$seed
echo "kill_test: $kills kills of each verb, RANDOM_SEED=$seed"

fail() {
  echo "kill_test: FAILED: $*" >&2
  exit 1
}
# The command's own messages matter only when it fails.
quietly() { "$@" > "$work/out" 2> "$work/err" || fail "$* ended with status $?: $(head -c 2000 "$work/err")"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

model=${LYCEUM_MINILM:-$work/model}
[[ -n ${LYCEUM_MINILM:-} ]] || quietly "$helper" model "$model"
notes=${4:-$work/notes}
[[ -n ${4:-} ]] || quietly "$helper" notes "$notes" 200
notes=$(realpath "$notes")
lines=${5:-$work/lines.txt}
[[ -n ${5:-} ]] || quietly "$helper" lines "$lines" 12000

# Runs "$@" and kills it after a random part of $whole_ms, 12 s at most. Sets `killed` to 1, or to 0 when it was done before.
run_and_kill() {
  "$@" > "$work/out" 2> "$work/err" &
  local pid=$! longest=$((whole_ms * 2 / 3 < 12000 ? whole_ms * 2 / 3 : 12000))
  local ms=$((RANDOM % (longest + 1)))
  sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
  # killed by its own number, while it still runs
  if kill -9 "$pid" 2> /dev/null; then
    wait "$pid" 2> /dev/null
    local status=$?
    if ((status == 137)); then
      killed=1
      return
    fi
  else
    wait "$pid"
    status=$?
  fi
  ((status == 0)) || fail "$1 $2 ended with status $status: $(head -c 2000 "$work/err")"
  killed=0
}

# ---- index
verbs=${KILL_VERBS:-index embed train pull}
if [[ $verbs == *index* ]]; then
  index=$work/x.index
  index_command=("$lyceum" index "$notes" --model "$model" --output "$index")
  ann=${KILL_ANN:-}
  # a structure whose making takes as long as the passages, so that half of the kills meet it
  [[ -z $ann ]] || index_command+=(--ann "$ann" --ann-build-effort 1000)
  begin=$(now_ms)
  quietly "${index_command[@]}"
  whole_ms=$(($(now_ms) - begin))
  quietly "$helper" dump "$index"
  sort "$work/out" > "$work/want"
  [[ -s $work/want ]] || fail "the uninterrupted index is empty"
  echo "index: $(wc -l < "$work/want") passages in $whole_ms ms without interruption"
  [[ -z $ann ]] || cp "$index.$ann" "$work/want.ann"
  rm -f "$index"* && : > "$work/before"
  done_kills=0 lives=1 early=0
  check_index() {  # after a kill
    [[ -e $index ]] || return 0
    "$helper" dump "$index" > "$work/dump" 2> "$work/err"
    local status=$?
    if ((status == 3)); then  # killed before there were tables
      [[ -s $work/before ]] && fail "the tables are gone"
      early=$((early + 1))
      return 0
    fi
    ((status == 0)) || fail "the index does not open: $(cat "$work/err")"
    sort "$work/dump" > "$work/after"
    [[ -z $(comm -23 "$work/before" "$work/after") ]] || fail "passages that were committed are gone"
    [[ -z $(comm -23 "$work/after" "$work/want") ]] || fail "the index holds passages that the uninterrupted one does not"
    mv "$work/after" "$work/before"
    quietly "$lyceum" index --output "$index" --verify
    quietly "$lyceum" search "$index" "the cat sat on the mat" --hybrid --json
  }
  finish_index() {
    quietly "${index_command[@]}"
    quietly "$helper" dump "$index"
    sort "$work/out" | cmp -s - "$work/want" || fail "the finished index differs from the uninterrupted one"
    quietly "$lyceum" index --output "$index" --verify
    [[ -z $ann ]] || cmp -s "$index.$ann" "$work/want.ann" || fail "the finished structure differs from the uninterrupted one"
    [[ -z $(compgen -G "$index.*.tmp-*") ]] || fail "half a structure was left"
  }
  while ((done_kills < kills)); do
    run_and_kill "${index_command[@]}"
    if ((killed)); then
      done_kills=$((done_kills + 1))
      check_index
    else
      finish_index
      rm -f "$index"* && : > "$work/before"
      lives=$((lives + 1))
    fi
  done
  finish_index
  echo "index: $done_kills kills in $lives lives ($early before there were tables): opens, searches, verifies, keeps what was committed, ends equal"
fi

# ---- embed
if [[ $verbs == *embed* ]]; then
  want=$work/want.npy
  begin=$(now_ms)
  quietly "$lyceum" embed "$model" --input "$lines" --output "$want"
  whole_ms=$(($(now_ms) - begin))
  rows=$(wc -l < "$lines")
  row_bytes=$((($(stat -c %s "$want") - 128) / rows))
  echo "embed: $rows rows of $row_bytes bytes in $whole_ms ms without interruption"
  out=$work/v.npy
  embed_command=("$lyceum" embed "$model" --input "$lines" --output "$out" --resume)
  done_kills=0 lives=1 kept=0
  while ((done_kills < kills)); do
    run_and_kill "${embed_command[@]}"
    if ((killed)) && [[ ! -e $out ]]; then
      done_kills=$((done_kills + 1))
      size=$(stat -c %s "$out.part" 2> /dev/null || echo 0)
      have=$((size > 128 ? (size - 128) / row_bytes : 0))
      ((have >= kept)) || fail "$kept rows were written, $have are left"
      kept=$have
      ((have == 0)) || cmp -s -i 128 -n $((have * row_bytes)) "$out.part" "$want" || fail "the $have rows that were kept are not those of the uninterrupted run"
    else
      cmp "$out" "$want" || fail "the finished file differs from the uninterrupted one"
      rm -f "$out" "$out.part"
      kept=0 lives=$((lives + 1))
    fi
  done
  quietly "${embed_command[@]}"
  cmp "$out" "$want" || fail "the finished file differs from the uninterrupted one"
  echo "embed: $done_kills kills in $lives lives: rows kept, the finished file is equal byte for byte"
fi

# ---- train
if [[ $verbs == *train* ]]; then
  cat > "$work/recipe.toml" << EOF
[model]
family = "gpt2"
config = { n_layer = 2, n_head = 2, n_embd = 32, n_positions = 32 }
tokenizer = "bytes"
[data]
train = ["$lines"]
separator = "\\n"
[objective]
kind = "causal_lm"
[train]
steps = 120
batch_sequences = 8
context_tokens = 32
learning_rate = 1e-3
ema = 0.99
[output]
save_every = 5
EOF
  train_command=("$lyceum" train "$work/recipe.toml" --quiet)
  begin=$(now_ms)
  quietly "${train_command[@]}" output.directory="$work/whole"
  whole_ms=$(($(now_ms) - begin))
  echo "train: 120 steps in $whole_ms ms without interruption"
  done_kills=0 lives=1
  finish_run() {
    quietly "${train_command[@]}" output.directory="$work/cut"
    cmp "$work/cut/model/model.safetensors" "$work/whole/model/model.safetensors" || fail "the model differs from the uninterrupted one"
    (($(grep -c loss_nats "$work/cut/metrics.jsonl") == 120)) || fail "the metrics are not those of one run"
    rm -rf "$work/cut"
  }
  while ((done_kills < kills)); do
    run_and_kill "${train_command[@]}" output.directory="$work/cut"
    if ((killed)); then
      done_kills=$((done_kills + 1))
    else
      finish_run
      lives=$((lives + 1))
    fi
  done
  finish_run
  echo "train: $done_kills kills in $lives lives: goes on from its checkpoints, ends equal"
fi

# ---- pull
if [[ $verbs == *pull* ]]; then
  size=40000000 rate=20000000
  mkdir -p "$work/repository"
  head -c $size /dev/urandom > "$work/repository/model.safetensors"
  echo '{"model_type": "bert"}' > "$work/repository/config.json"
  hash=$(sha256sum "$work/repository/model.safetensors" | cut -d' ' -f1)
  "$helper" hub org/name "$work/repository" "$work/port" $rate 2> "$work/hub_err" &
  hub_pid=$!
  for ((i = 0; i < 100; ++i)); do [[ -s $work/port ]] && break; sleep 0.1; done
  [[ -s $work/port ]] || fail "the hub does not begin: $(cat "$work/hub_err")"
  export HF_HUB_CACHE=$work/hub HF_ENDPOINT=http://127.0.0.1:$(< "$work/port")
  unset HF_HUB_OFFLINE HF_TOKEN http_proxy HTTP_PROXY all_proxy ALL_PROXY
  cache=$work/hub/models--org--name blob=$work/hub/models--org--name/blobs/$hash
  sent_bytes() {
    exec 3<> "/dev/tcp/127.0.0.1/$(< "$work/port")"
    printf 'GET /sent HTTP/1.0\r\n\r\n' >&3
    tail -n 1 <&3
    exec 3>&-
  }
  # what lies under final names is right, and the revision has its name only when all of it is there
  check_cache() {
    [[ ! -e $blob ]] || [[ $(sha256sum < "$blob") == "$hash"* ]] || fail "a wrong file is published"
    [[ ! -e $cache/refs/main ]] || cmp -s "$cache/snapshots/$(< "$cache/refs/main")/model.safetensors" "$work/repository/model.safetensors" ||
      fail "the revision is named, and its file is not there"
  }
  pull_command=("$lyceum" pull org/name --quiet)
  begin=$(now_ms)
  quietly "${pull_command[@]}"
  whole_ms=$(($(now_ms) - begin))
  check_cache
  [[ -e $cache/refs/main ]] || fail "the uninterrupted pull has no ref"
  rm -rf "$work/hub"
  echo "pull: $size bytes in $whole_ms ms without interruption"
  done_kills=0 lives=1 kept=0
  before=$(sent_bytes)
  while ((done_kills < kills)); do
    run_and_kill "${pull_command[@]}"
    check_cache
    if ((killed)); then
      done_kills=$((done_kills + 1))
      have=$(stat -c %s "$blob" 2> /dev/null || stat -c %s "$blob.incomplete" 2> /dev/null || echo 0)
      ((have >= kept)) || fail "$kept bytes had come, $have are left"
      kept=$have
    else
      [[ -e $cache/refs/main ]] || fail "a pull that ended well has no ref"
      rm -rf "$work/hub"
      kept=0 lives=$((lives + 1))
    fi
  done
  quietly "${pull_command[@]}"
  check_cache
  [[ -e $cache/refs/main ]] || fail "the last pull has no ref"
  sent=$(($(sent_bytes) - before))
  # each kill may lose what was on its way, socket buffers of both ends at the most
  most=$((lives * size + done_kills * 8000000))
  ((sent <= most)) || fail "$sent bytes were sent for $lives files of $size and $done_kills kills, expected at most $most"
  echo "pull: $done_kills kills in $lives lives: nothing wrong under a final name, $sent bytes sent ($((sent / lives)) a life)"
fi
