#!/usr/bin/env python3
"""`lyceum train-tokenizer` beside Hugging Face tokenizers' trainers on one text file, taking turns: seconds of the whole command (ours) and of train() alone
(theirs: without Python's start), seconds of processor, and peak memory.

usage: train_tokenizer_hf.py LYCEUM TEXT [--size 8000] [--rounds 3] [--threads 2,1]        needs: tokenizers
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

THEIRS = """
import resource, sys, time
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
kind, size, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if kind == "bpe":
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
else:
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=size, min_frequency=2, limit_alphabet=1000, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
begin = time.perf_counter()
t.train([text], trainer)
wall = time.perf_counter() - begin
print(wall, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("lyceum"); p.add_argument("text"); p.add_argument("--size", default="8000"); p.add_argument("--rounds", type=int, default=3); p.add_argument("--threads", default="2,1")
a = p.parse_args()


def ours(kind, threads, folder):
    begin = time.perf_counter()
    child = subprocess.Popen([a.lyceum, "train-tokenizer", "--kind", kind, "--vocab-size", a.size, "--output", folder, "--overwrite", "--quiet", "--threads", threads, a.text])
    _, status, usage = os.wait4(child.pid, 0)
    if status: sys.exit("lyceum failed")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def theirs(kind, threads):
    out = subprocess.run([sys.executable, "-c", THEIRS, kind, a.size, a.text], capture_output=True, check=True, env={**os.environ, "RAYON_NUM_THREADS": threads}).stdout
    return tuple(map(float, out.split()))


with tempfile.TemporaryDirectory() as folder:
    for kind in ("bpe", "wordpiece"):
        for threads in a.threads.split(","):
            rounds = [(ours(kind, threads, folder), theirs(kind, threads)) for _ in range(a.rounds)]
            middle = [[statistics.median(r[side][i] for r in rounds) for i in range(3)] for side in (0, 1)]
            print(json.dumps({"kind": kind, "size": int(a.size), "threads": int(threads), "rounds": a.rounds,
                              "ours_s": round(middle[0][0], 3), "theirs_s": round(middle[1][0], 3), "ratio": round(middle[1][0] / middle[0][0], 1),
                              "ratios": [round(t[0] / o[0], 1) for o, t in rounds], "cpu_ratio": round(middle[1][1] / middle[0][1], 1),
                              "ours_MB": round(middle[0][2] / 1e3), "theirs_MB": round(middle[1][2] / 1e3)}), flush=True)
