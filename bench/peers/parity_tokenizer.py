#!/usr/bin/env python3
"""Compares `lyceum tokenize` with the reference tokenizer line by line: ids and byte offsets.

usage: parity_tokenizer.py LYCEUM MODEL [FILE ...] [--lines N]        needs: tokenizers
FILE: text, plain or .zst. Besides, lines are made in many scripts and of hostile characters.
"""
import argparse, json, os, random, subprocess, sys, tempfile, unicodedata
from tokenizers import Tokenizer

p = argparse.ArgumentParser()
p.add_argument("lyceum"); p.add_argument("model"); p.add_argument("files", nargs="*"); p.add_argument("--lines", type=int, default=8000)
a = p.parse_args()
reference = Tokenizer.from_file(os.path.join(a.model, "tokenizer.json")); reference.no_padding(); reference.no_truncation()

lines = []
for path in a.files:
    data = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout if path.endswith(".zst") else open(path, "rb").read()
    own = [l for l in data.decode("utf-8", "replace").replace("\r", " ").split("\n") if l.strip()]
    lines += own[:: max(1, len(own) // a.lines)][: a.lines]
real = len(lines)
r = random.Random(1)
BLOCKS = [(0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x530), (0x530, 0x700), (0x900, 0xE00), (0xE00, 0x1200), (0x1100, 0x1200), (0x1E00, 0x2070), (0x2070, 0x2C00),
          (0x3000, 0x3400), (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7A4), (0xE000, 0xE100), (0xF900, 0xFB50), (0xFB50, 0x10000), (0x10000, 0x11000), (0x1D000, 0x1D800),
          (0x1F300, 0x1FB00), (0x20000, 0x20100), (0x2F800, 0x2FA20), (0xE0000, 0xE0200), (0x0, 0x20), (0x7F, 0xA0), (0x300, 0x370), (0x1AB0, 0x1B00), (0x302A, 0x3030), (0x16FF0, 0x16FF2)]
SPECIAL = ["[MASK]", "[CLS]", "[SEP]", "[UNK]", " [MASK] ", "[mask]", "\u0130", "\u03a3\u03c3\u03c2", "\u00ad", "\ufffd", "\u200d", "\u200b", "\ufeff", "e\u0301", "\u1e9e", "a" * 101, "1" * 99, "\u0958", "\u212b", "\ufb01", "\U0001f468\u200d\U0001f469\u200d\U0001f467"]
for i in range(12000):
    low, high = BLOCKS[i % len(BLOCKS)]
    out = []
    for _ in range(r.randint(1, 40)):
        k = r.random()
        if k < 0.6: c = chr(r.randrange(low, high))
        elif k < 0.75: c = r.choice(" \t\u00a0\u3000.,-")
        elif k < 0.8: c = r.choice(SPECIAL)
        elif k < 0.9: c = r.choice("abcdefghijklmnopqrstuvwxyzABCDE")
        else: c = chr(r.choice([x for x in (r.randrange(0x110000),) if not 0xD800 <= x <= 0xDFFF] or [65]))
        if c not in "\n\r": out.append(c)
    line = "".join(c for c in "".join(out) if not 0xD800 <= ord(c) <= 0xDFFF)
    lines.append(line)
lines = [l.replace("\n", " ").replace("\r", " ") for l in lines]
with tempfile.NamedTemporaryFile("wb", suffix=".txt", delete=False) as f:
    f.write("\n".join(lines).encode() + b"\n")
got = subprocess.run([a.lyceum, "tokenize", a.model, "--input", f.name, "--json"], capture_output=True, check=True).stdout.decode().splitlines()
os.unlink(f.name)
assert len(got) == len(lines), (len(got), len(lines))
wrong = 0
for line, answer, e in zip(lines, map(json.loads, got), reference.encode_batch(lines)):
    at = [0]
    for c in line: at.append(at[-1] + len(c.encode()))
    want = [[at[b], at[n]] for b, n in e.offsets]
    if answer["ids"] != e.ids or answer["offsets"] != want:
        wrong += 1
        if wrong <= 10: print(repr(line)[:300], "\n  got ", list(zip(answer["tokens"], answer["offsets"]))[:40], "\n  want", list(zip(e.tokens, want))[:40])
print(f"{len(lines)} lines ({real} real, {len(lines) - real} made), {wrong} differ")
sys.exit(wrong > 0)
