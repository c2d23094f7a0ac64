#!/usr/bin/env python3
"""Compares `lyceum embed` with sentence-transformers: cosine and largest difference over the texts of the given files.

usage: parity_embed.py LYCEUM MODEL FILE ... [--texts N]        needs: sentence-transformers
FILE: one text a line, plain or .zst; .jsonl: every field whose name begins with 'sentence' or 'text'. Some texts are made by joining
neighbours until they are longer than the model takes.
"""
import argparse, json, subprocess, sys, tempfile
import numpy as np
from sentence_transformers import SentenceTransformer

p = argparse.ArgumentParser()
p.add_argument("lyceum"); p.add_argument("model"); p.add_argument("files", nargs="+"); p.add_argument("--texts", type=int, default=2000)
a = p.parse_args()

texts = []
for path in a.files:
    data = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout if path.endswith(".zst") else open(path, "rb").read()
    rows = data.decode("utf-8", "replace").split("\n")
    if ".jsonl" in path:
        rows = [v for r in rows if r for k, v in json.loads(r).items() if isinstance(v, str) and k.startswith(("sentence", "text"))]
    texts += [" ".join(r.split()) for r in rows if r.strip()]
texts = list(dict.fromkeys(texts))
texts = texts[:: max(1, len(texts) // a.texts)][: a.texts]
reference = SentenceTransformer(a.model, device="cpu")
long = [" ".join(texts[i:i + 25]) for i in range(0, len(texts), 20)]  # some 300 to 1,000 words
texts = texts[: a.texts - len(long)] + long
lengths = [len(x) for x in reference.tokenizer(texts, truncation=False)["input_ids"]]

with tempfile.TemporaryDirectory() as d:
    open(d + "/texts.txt", "w", encoding="utf-8", newline="\n").write("\n".join(texts) + "\n")
    run = subprocess.run([a.lyceum, "embed", a.model, "--input", d + "/texts.txt", "--output", d + "/v.npy"], check=True, capture_output=True, text=True)
    got = np.load(d + "/v.npy")
want = reference.encode(texts, batch_size=32, convert_to_numpy=True)
cosine = (got * want).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(want, axis=1)
cut = sum(n > reference.max_seq_length for n in lengths)
print(f"{'texts':>8} {'longer than the model':>22} {'tokens':>9} {'min cosine':>12} {'max |difference|':>17}")
print(f"{len(texts):8} {cut:22} {sum(lengths):9} {cosine.min():12.8f} {np.abs(got - want).max():17.2e}")
print("lyceum says:", run.stderr.strip().replace("\n", " | "))
if f"{cut} of {len(texts)} texts were cut" not in run.stderr and cut: sys.exit("the counts of texts that were cut differ")
sys.exit(not cosine.min() >= 0.99999)
