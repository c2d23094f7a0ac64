#!/usr/bin/env python3
"""Compares `lyceum tokenize` and `detokenize` with transformers' AutoTokenizer line by line: ids, tokens and byte offsets, with and
without special tokens, pairs, and the text that decoding gives back; for a model's tokenizer.json and for folders made of its
vocabulary (vocab.txt, cased, accents kept or stripped, added tokens, settings in tokenizer_config.json that contradict tokenizer.json).

usage: parity_tokenizer.py LYCEUM MODEL [FILE ...] [--lines N] [--every N] [--only FOLDER]        needs: transformers
FILE: text or .jsonl, plain or .zst. Besides, lines are made: every code point between letters, many scripts, hostile characters,
special tokens in the text, long words, bytes that are no UTF-8. --every 4 takes every fourth line, --only the folders whose names hold a text.
With --bpe DIR (the folder that holds gpt2-bpe and rwkv) the folders are those of bpe_folders.py instead, and MODEL is not read.
"""
import argparse, codecs, json, os, random, shutil, subprocess, sys, tempfile
import transformers as tf

p = argparse.ArgumentParser()
p.add_argument("lyceum"); p.add_argument("model"); p.add_argument("files", nargs="*"); p.add_argument("--lines", type=int, default=4000); p.add_argument("--only", default=""); p.add_argument("--every", type=int, default=1); p.add_argument("--bpe")
a = p.parse_args()
tf.logging.set_verbosity_error()
r = random.Random(1)

# ---- lines, as bytes
groups = {}
for path in a.files:
    data = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout if path.endswith(".zst") else open(path, "rb").read()
    rows = data.split(b"\n")
    if ".jsonl" in path: rows = [v.encode().replace(b"\n", b" ") for row in rows if row for v in json.loads(row).values() if isinstance(v, str)]
    rows = [row for row in rows if row.strip()]
    groups["/".join(path.split("/")[-2:])] = rows[:: max(1, len(rows) // a.lines)][: a.lines]

CODES = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and c != 0x0A]
groups["code points between letters"] = [" ".join(f"a{chr(c)}b" for c in CODES[i:i + 64]).encode() for i in range(0, len(CODES), 64)]
alone = [c for c in CODES if c < 0x3400 or 0xA000 <= c < 0xAC00 or 0xF900 <= c < 0x12000 or 0x1D000 <= c < 0x1FC00 or 0xE0000 <= c < 0xE0200]
groups["code points, words of one"] = [" ".join(chr(c) + " " + chr(c) * 2 for c in alone[i:i + 32]).encode() for i in range(0, len(alone), 32)]
BLOCKS = [(0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x530), (0x530, 0x700), (0x900, 0xE00), (0xE00, 0x1200), (0x1100, 0x1200), (0x1E00, 0x2070), (0x2070, 0x2C00),
          (0x3000, 0x3400), (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7A4), (0xE000, 0xE100), (0xF900, 0xFB50), (0xFB50, 0x10000), (0x10000, 0x11000), (0x1D000, 0x1D800),
          (0x1F300, 0x1FB00), (0x20000, 0x20100), (0x2F800, 0x2FA20), (0xE0000, 0xE0200), (0x0, 0x20), (0x7F, 0xA0), (0x300, 0x370), (0x1AB0, 0x1B00), (0x302A, 0x3030), (0x16FF0, 0x16FF2)]
SPECIAL = ["[MASK]", "[CLS]", "[SEP]", "[UNK]", "[PAD]", " [MASK] ", "[mask]", "[ MASK ]", "[MASK", "[[MASK]]", "x[SEP]y", "##ing", "##", "# #s", "\u0130", "\u03a3\u03c3\u03c2", "\u00ad", "\ufffd", "\u200d", "\u200b",
           "\ufeff", "e\u0301", "e\u0327\u0301", "\u1e9e", "a" * 99, "a" * 100, "a" * 101, "\u00e9" * 100, "1" * 250, "\u0958", "\u212b", "\ufb01", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f",
           "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\r", "\x1c", "\x00", "don't", "U.S.A.", "\u201cq\u201d", "\u4f60\u597d", "\uff21\uff22", "<new>", " <new> ", "<New>",
           "<mask>", " <mask> ", "<|endoftext|>", "<s>", "</s>", "\u2581", "``", "''", "'S", "'\u017f", "'LL", "12345", "\u0120", "a\u0301", "\u2460", "\uff21", "word", "swords", "word.", " left", "right  ", "NORM\u00c9", "norm\u00e9", "norme"]


def made(n, blocks):
    out = []
    for i in range(n):
        low, high = blocks[i % len(blocks)]
        line = []
        for _ in range(r.randint(1, 40)):
            k = r.random()
            if k < 0.55: c = chr(r.randrange(low, high))
            elif k < 0.7: c = r.choice(" \t\u00a0\u3000.,-'")
            elif k < 0.8: c = r.choice(SPECIAL)
            elif k < 0.9: c = r.choice("abcdefghijklmnopqrstuvwxyzABCDE")
            else: c = chr(r.choice(CODES))
            line.append(c)
        out.append("".join(c for c in "".join(line) if not 0xD800 <= ord(c) <= 0xDFFF and c != "\n").encode())
    return out


groups["made of many scripts"] = made(8000, BLOCKS)
groups["marks and hangul"] = made(2000, [(0x300, 0x370), (0x1AB0, 0x1B00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0x591, 0x700), (0x1100, 0x1200), (0xAC00, 0xD7A4), (0x93C, 0x950), (0xE34, 0xE4F), (0xF71, 0xF88)])
broken = []
for line in made(1500, BLOCKS):  # bytes cut out, put in, surrogates
    line = bytearray(line)
    for _ in range(r.randint(1, 4)):
        at = r.randrange(len(line) + 1)
        line[at:at + r.randint(0, 2)] = r.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"\x80", b"\xf4\x90\x80\x80", b""])
    broken.append(bytes(line))
groups["bytes that are no UTF-8"] = broken
groups["empty, blank, special only"] = [b"", b" ", b"\t\t", "\u3000".encode(), b"[CLS]", b"[SEP] [SEP]", b"[MASK][MASK]", "\u0301".encode(), "\u200b".encode(), b"\x00", b"##", b"a\rb"]
lines, group_of = [], []
for name, rows in groups.items():
    for line in rows:
        line = line.replace(b"\n", b" ").rstrip(b"\r")
        lines.append(line); group_of.append(name)
lines, group_of = lines[:: a.every], group_of[:: a.every]
print(f"{len(lines)} lines, {sum(map(len, lines)) / 1e6:.1f} MB: " + ", ".join(f"{len(v)} {k}" for k, v in groups.items()))

# ---- what a line's characters are, and the byte where each begins
spans = []
def replace(error):
    spans.append((error.start, error.end)); return "\ufffd", error.end
codecs.register_error("note", replace)
texts, starts = [], []
for line in lines:
    spans.clear()
    text = line.decode("utf-8", "note")
    bad, at, begin = {s: e for s, e in spans}, 0, []
    for c in text:
        begin.append(at)
        at = bad[at] if c == "\ufffd" and at in bad else at + len(c.encode())
    begin.append(at)
    assert at == len(line)
    texts.append(text); starts.append(begin)

# ---- folders
def added(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": False, **flags}


def bert_folders():
    source = json.load(open(os.path.join(a.model, "tokenizer.json")))
    words = [w for w, _ in sorted(source["model"]["vocab"].items(), key=lambda x: x[1])]
    cased = words + sorted({w.capitalize() for w in words[2000:9000] if w.isalpha()} - set(words)) + sorted({w.upper() for w in words[1000:4000] if w.isalpha() and len(w) > 1} - set(words) - {w.capitalize() for w in words})
    cased += [c for c in "\u00e9\u00c9\u00fc\u00dc\u0130\u1e9e\u03a3\u03c2" if c not in cased] + ["##" + c for c in "\u00e9\u00c9\u00fc\u00dc\u03c2AEIOU\u0301\u0308" if "##" + c not in cased]
    BERT = {"model_type": "bert", "architectures": ["BertModel"]}


    def changed(**normalizer):
        t = json.loads(json.dumps(source)); t["normalizer"].update(normalizer); t["model"]["vocab"] = {w: i for i, w in enumerate(cased)}
        return t


    plain = "\n".join(words) + "\n"
    both = "\n".join(cased) + "\n"
    more = {str(i): added(c, special=True) for i, c in ((0, "[PAD]"), (100, "[UNK]"), (101, "[CLS]"), (102, "[SEP]"))}
    more["103"] = added("[MASK]", special=True, lstrip=True)
    more.update({str(len(words) + i): added(c, **f) for i, (c, f) in enumerate([("<new>", {}), ("word", {"single_word": True}), ("left", {"lstrip": True}), ("right", {"rstrip": True}), ("NORM\u00c9", {"normalized": True})])})
    return {
        "the model's own": None,
        "vocab.txt": {"vocab.txt": plain, "config.json": BERT},
        "vocab.txt, cased": {"vocab.txt": both, "config.json": BERT, "tokenizer_config.json": {"do_lower_case": False}},
        "vocab.txt, cased, accents go": {"vocab.txt": both, "config.json": BERT, "tokenizer_config.json": {"do_lower_case": False, "strip_accents": True}},
        "vocab.txt, lower, accents stay": {"vocab.txt": both, "config.json": BERT, "tokenizer_config.json": {"do_lower_case": True, "strip_accents": False}},
        "vocab.txt, no Chinese splitting": {"vocab.txt": plain, "config.json": BERT, "tokenizer_config.json": {"tokenize_chinese_chars": False}},
        "vocab.txt, added tokens": {"vocab.txt": plain, "config.json": BERT, "tokenizer_config.json": {"added_tokens_decoder": more, "clean_up_tokenization_spaces": True}},
        "vocab.txt, CRLF, spaces, repeats": {"vocab.txt": plain.replace("\n", " \t\r\n") + "the\nof\n", "config.json": BERT},
        "tokenizer.json, config says cased": {"tokenizer.json": changed(), "config.json": BERT, "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": False}},
        "tokenizer.json alone, cased": {"tokenizer.json": changed(lowercase=False)},
        "tokenizer.json alone, odd": {"tokenizer.json": changed(lowercase=False, strip_accents=True, clean_text=False, handle_chinese_chars=False)},
        "tokenizer.json, general class": {"tokenizer.json": changed(strip_accents=False), "config.json": BERT, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": False}},
    }


if a.bpe:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import bpe_folders
    FOLDERS = bpe_folders.folders(a.bpe, [t for t in texts[:: max(1, len(texts) // 6000)]])
else:
    FOLDERS = bert_folders()


def run(verb, folder, data, *options):
    with tempfile.NamedTemporaryFile("wb", suffix=".txt") as f:
        f.write(b"\n".join(data) + b"\n"); f.flush()
        out = subprocess.run([a.lyceum, verb, folder, "--input", f.name, "--json", "--quiet", *options], capture_output=True)
    if out.returncode: sys.exit(f"lyceum {verb}: exit status {out.returncode}: {out.stderr.decode()}")
    answers = [json.loads(x) for x in out.stdout.decode().split("\n")[:-1]]
    assert len(answers) == len(data), (len(answers), len(data))
    return answers


wrong = 0
def check(folder_name, what, got, e, begins, show):
    global wrong
    want = [[0, 0] if s is None else [begins[s][x], begins[s][y]] for (x, y), s in zip(e.offsets, e.sequence_ids)]
    tokens = reference.convert_ids_to_tokens(e.ids)  # e.tokens has the white space that lstrip and rstrip take along
    if got["ids"] == e.ids and got["offsets"] == want and got["tokens"] == tokens: return 0
    wrong += 1
    if wrong <= 12: first = next((k for k, (x, y) in enumerate(zip(zip(got["tokens"], got["offsets"]), zip(tokens, want))) if x[0] != y[0] or x[1] != y[1]), 0); print(f"  {folder_name}, {what}: from {first}: {show!r:.300}\n    got  {list(zip(got['tokens'], got['offsets']))[max(0, first - 2):first + 8]}\n    want {list(zip(tokens, want))[max(0, first - 2):first + 8]}")
    return 1


print(f"{'folder':34} {'class':18} {'with special':>12} {'without':>8} {'pairs':>7} {'decoded':>8} {'kept':>7}   (lines that differ)")
second = list(range(1, len(lines))) + [0]
for name, files in FOLDERS.items():
    if a.only not in name: continue
    with tempfile.TemporaryDirectory() as d:
        folder = a.model
        if files is not None:
            folder = d
            for file, content in files.items(): open(os.path.join(d, file), "w", encoding="utf-8", newline="").write(content if isinstance(content, str) else json.dumps(content))
        reference = tf.AutoTokenizer.from_pretrained(folder)
        size = len(reference)
        backend = reference._tokenizer; backend.no_padding(); backend.no_truncation()
        bad = [0] * 5
        encodings = backend.encode_batch(texts)
        for i, (g, e) in enumerate(zip(run("tokenize", folder, lines), encodings)): bad[0] += check(name, group_of[i], g, e, [starts[i]], texts[i])
        some = range(0, len(lines), 3)
        for i, g, e in zip(some, run("tokenize", folder, [lines[i] for i in some], "--no-special"), backend.encode_batch([texts[i] for i in some], add_special_tokens=False)):
            bad[1] += check(name, "without special tokens", g, e, [starts[i]], texts[i])
        pairs = [i for i in some if "\t" not in texts[i] and lines[second[i]]]
        for i, g, e in zip(pairs, run("tokenize", folder, [lines[i] + b"\t" + lines[second[i]] for i in pairs], "--pairs"), backend.encode_batch([(texts[i], texts[second[i]]) for i in pairs])):
            bad[2] += check(name, "pairs", g, e, [starts[i], starts[second[i]]], (texts[i], texts[second[i]]))
        ids = [encodings[i].ids for i in some] + [[r.choice([i for i in (r.randrange(size),) if reference.convert_ids_to_tokens(i) is not None] or [7]) for _ in range(r.randint(1, 30))] for _ in range(2000)]
        rows = [" ".join(map(str, x)).encode() for x in ids]
        for column, options, skip in ((3, [], True), (4, ["--keep-special"], False)):
            for x, g in zip(ids, run("detokenize", folder, rows, *options)):
                want = reference.decode(x, skip_special_tokens=skip)
                if g["text"] != want:
                    bad[column] += 1; wrong += 1
                    if wrong <= 12: print(f"  {name}, decode: {x[:30]}\n    got  {g['text']!r:.300}\n    want {want!r:.300}")
        print(f"{name:34} {type(reference).__name__:18} {bad[0]:>12} {bad[1]:>8} {bad[2]:>7} {bad[3]:>8} {bad[4]:>7}", flush=True)
print(f"{len(lines)} lines in {sum(a.only in n for n in FOLDERS)} folders: " + ("all agree" if not wrong else f"{wrong} answers differ"))
sys.exit(wrong > 0)
