#!/usr/bin/env python3
"""The peer of bench/tokenizer.cpp: Hugging Face tokenizers over the same paragraphs, ids only (encode_batch_fast) and with offsets (encode_batch).

usage: tokenize_hf.py MODEL_FOLDER TEXT [--threads N] [--repeats N]
"""
import argparse, json, os, statistics, time

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("model")
p.add_argument("text")
p.add_argument("--threads", type=int, default=os.cpu_count())
p.add_argument("--repeats", type=int, default=3)
a = p.parse_args()
os.environ["RAYON_NUM_THREADS"] = str(a.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "true"
from tokenizers import Tokenizer

file = os.path.join(a.model, "tokenizer.json")
if os.path.exists(file):
    t = Tokenizer.from_file(file)
else:  # vocab.json and merges.txt
    import transformers
    t = transformers.AutoTokenizer.from_pretrained(a.model)._tokenizer
t.no_padding()
t.no_truncation()
paragraphs = [x for x in open(a.text, encoding="utf-8", newline="").read().split("\n\n") if x]
mb = sum(len(x.encode()) for x in paragraphs) / 1e6
for case, run in (("ids only", t.encode_batch_fast), ("with offsets", t.encode_batch)):
    run(paragraphs, add_special_tokens=False)
    rates = []
    for _ in range(a.repeats):
        begin = time.perf_counter()
        run(paragraphs, add_special_tokens=False)
        rates.append(mb / (time.perf_counter() - begin))
    print(json.dumps({"case": case, "unit": "MB/s", "median": statistics.median(rates), "repeats": a.repeats, "threads": a.threads}), flush=True)
