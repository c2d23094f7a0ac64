#!/usr/bin/env python3
"""Compares `lyceum tokenize` with the vectors that llama.cpp keeps beside its vocabularies (models/ggml-vocab-NAME.gguf with .inp and .out):
a tokenizer folder is made of the GGUF metadata of each.

usage: parity_ggml_vocab.py LYCEUM FOLDER [NAME ...]        FOLDER holds ggml-vocab-NAME.gguf.zst, .gguf.inp, .gguf.out; needs nothing else
"""
import json, os, struct, subprocess, sys, tempfile

lyceum, folder, names = sys.argv[1], sys.argv[2], sys.argv[3:] or ["gpt-2", "starcoder", "bert-bge"]
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def metadata(data):
    at = 8
    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)[0]
        at += struct.calcsize("<" + form)
        return value
    def value(kind):
        nonlocal at
        if kind == 8:
            n = take("Q"); at += n
            return data[at - n:at].decode("utf-8", "surrogateescape")
        if kind == 9:
            inner, n = take("I"), take("Q")
            return [value(inner) for _ in range(n)]
        return take(SCALARS[kind])
    assert data[:4] == b"GGUF"
    take("Q"); count = take("Q")
    return {value(8): value(take("I")) for _ in range(count)}


def files(m):
    tokens, kinds = m["tokenizer.ggml.tokens"], m["tokenizer.ggml.token_type"]
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for i, t in enumerate(tokens) if kinds[i] == 3]
    if m["tokenizer.ggml.model"] == "bert":  # a phantom space marks the beginnings of words there
        words = [t if kinds[i] == 3 else t[1:] if t.startswith("\u2581") else "##" + t for i, t in enumerate(tokens)]
        return {"vocab.txt": "\n".join(words) + "\n", "config.json": {"model_type": "bert"}}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]}
    pre = {"gpt-2": byte_level, "starcoder": digits}[m["tokenizer.ggml.pre"]]
    return {"tokenizer.json": {"version": "1.0", "added_tokens": added, "normalizer": None, "pre_tokenizer": pre, "post_processor": None, "decoder": byte_level,
                               "model": {"type": "BPE", "vocab": {t: i for i, t in enumerate(tokens)}, "merges": m["tokenizer.ggml.merges"]}}}


wrong = 0
for name in names:
    stem = os.path.join(folder, f"ggml-vocab-{name}.gguf")
    data = subprocess.run(["zstd", "-dcq", stem + ".zst"], capture_output=True, check=True).stdout
    texts = open(stem + ".inp", encoding="utf-8", newline="").read().split("\n__ggml_vocab_test__\n")
    want = [[int(x) for x in line.split()] for line in open(stem + ".out")]
    assert len(texts) == len(want) + (texts[-1] == ""), (len(texts), len(want))
    differ = 0
    with tempfile.TemporaryDirectory() as d:
        for file, content in files(metadata(data)).items():
            open(os.path.join(d, file), "w", encoding="utf-8", newline="").write(content if isinstance(content, str) else json.dumps(content))
        for text, ids in zip(texts, want):  # as an argument: the texts hold line feeds
            out = subprocess.run([lyceum, "tokenize", d, "--json", "--quiet", "--no-special", "--", text], capture_output=True)
            if out.returncode: sys.exit(out.stderr.decode())
            got = [i for line in out.stdout.decode().splitlines() for i in json.loads(line)["ids"]]
            if got != ids:
                differ += 1
                print(f"  {name}: {text!r}\n    got  {got}\n    want {ids}")
    print(f"{name}: {len(want)} texts, {differ} differ", flush=True)
    wrong += differ
sys.exit(wrong > 0)
