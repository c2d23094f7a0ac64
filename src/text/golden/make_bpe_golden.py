#!/usr/bin/env python3
"""Writes bpe_pipelines.json and roberta_cut.json beside this script.

bpe_pipelines.json: small BPE tokenizers of every kind of part, as in pipelines.json, and folders as transformers' AutoTokenizer builds them, with what
the reference makes of a few texts. roberta_cut.json: as much of RoBERTa's vocabulary and merges as the published examples need.

usage: make_bpe_golden.py FOLDER        FOLDER holds gpt2-bpe (encoder.json.zst, vocab.bpe.zst, dict.txt.zst); needs: transformers
"""
import base64, json, os, struct, subprocess, sys, tempfile
import tokenizers, transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = ["Hello, World!  don't", " a\u00e9e\u0301 \u00c5ngstr\u00f6m ", "x12 3456.4--y\n\n\tThe", "\u4f60\u597da \ufb01 \u00bd\U0001f600", "camelCase <mask>  do's\u3000\u00add 'RE", "   ", "\u043f\u0440\u0438 the\u2581cat__s"]
MARKS = "u\u0303\u034e\u0311 \u00c5\u302a\u302f \ufb01\u0311 q\u0307\u0323 e\u0327\u0301"  # composed across other marks
CORPUS = TEXTS * 3 + ["the cat sat on the mat and the dog's hat", "Hello World hello world The cat", "12 123 1234 3456 456"] * 4
def bl(**k): return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **k}
def split(pattern, behavior="Isolated", invert=False, kind="Regex"): return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}
def seq(*parts): return {"type": "Sequence", "pretokenizers": list(parts)}
def norms(*parts): return {"type": "Sequence", "normalizers": list(parts)}
def token(i, content, **flags): return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}
def meta(scheme, whole=False): return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": not whole}


def trained(pre, size, **options):
    t = Tokenizer(models.BPE(**options.pop("model", {})))
    t.pre_tokenizer = pre
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, show_progress=False, **options))
    return json.loads(t.to_str())


def charsmap():
    """e + U+0301 -> U+00E9, U+00AD -> nothing, U+FB01 -> fi, U+00BD -> 1/2: a double array laid out by hand."""
    texts, pairs = b"", {"e\u0301": "\u00e9", "\u00ad": "", "\ufb01": "fi", "\u00bd": "1/2", "\u3000": " "}
    tree, units, used = {}, [0] * 4096, {0}
    for key, value in pairs.items():
        node = tree
        for b in key.encode(): node = node.setdefault(b, {})
        node[0] = len(texts); texts += value.encode() + b"\0"
    def place(node, at, label):
        base = next(x for x in range(1, 4096) if all(x ^ c not in used for c in node))
        used.update(base ^ c for c in node)
        units[at] = label | (1 << 8 if 0 in node else 0) | (at ^ base) << 10
        for b, child in node.items():
            if b == 0: units[base] = child | 1 << 31
            else: place(child, base ^ b, b)
    place(tree, 0, 0)
    size = (max(used) | 255) + 1
    return base64.b64encode(struct.pack(f"<{size + 1}I", 4 * size, *units[:size]) + texts).decode()


LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
b = trained(pre_tokenizers.ByteLevel(add_prefix_space=False), 330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
b.update(pre_tokenizer=bl(), decoder=bl())
m = trained(pre_tokenizers.Metaspace(), 300, special_tokens=["<unk>"] + [f"<0x{x:02X}>" for x in range(192)], limit_alphabet=40)
m.update(pre_tokenizer=meta("always"), decoder=meta("always"))
m["model"].update(unk_token="<unk>")
e = trained(pre_tokenizers.Whitespace(), 90, model={"unk_token": "<unk>", "end_of_word_suffix": "</w>"}, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=30)
e.update(pre_tokenizer={"type": "Whitespace"}, decoder={"type": "BPEDecoder", "suffix": "</w>"})
c = trained(pre_tokenizers.Whitespace(), 110, model={"unk_token": "<unk>", "continuing_subword_prefix": "##"}, special_tokens=["<unk>"], continuing_subword_prefix="##", limit_alphabet=30)
c.update(pre_tokenizer={"type": "Whitespace"}, decoder={"type": "WordPiece", "prefix": "##", "cleanup": True})
template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"a": {"id": "a", "ids": [65], "tokens": ["a"]}}}
PIPELINES = [("bytes", k, v) for k, v in {
    "plain": {}, "trimmed": {"post_processor": bl()}, "prefix": {"pre_tokenizer": bl(add_prefix_space=True), "post_processor": bl(add_prefix_space=True)}, "prefix kept": {"post_processor": bl(add_prefix_space=True)},
    "no pattern": {"pre_tokenizer": bl(use_regex=False)}, "digits apart": {"pre_tokenizer": seq({"type": "Digits", "individual_digits": True}, bl())}, "Llama 3": {"pre_tokenizer": seq(split(LLAMA3), bl(use_regex=False)), "post_processor": {"type": "Sequence", "processors": [bl(), template]}},
    "Qwen 2": {"pre_tokenizer": seq(split(LLAMA3.replace("{1,3}", "")), bl(use_regex=False)), "normalizer": {"type": "NFC"}}, "RoBERTa": {"post_processor": {"type": "RobertaProcessing", "sep": ["a", 65], "cls": ["b", 66], "trim_offsets": True, "add_prefix_space": False}},
    **{f"split {w} {i}": {"pre_tokenizer": seq(split(r"\w+|\s", w, i), bl(use_regex=False))} for w in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous") for i in (False, True)},
    "empty matches": {"pre_tokenizer": seq(split(r"(?=[A-Z])|\b"), bl(use_regex=False))}, "odd pattern": {"pre_tokenizer": seq(split(r"^\s*\S|(?<=[a-z])(?=[A-Z\d])|[^[:alpha:]&&[^\s]]++|\h{2}$"), bl(use_regex=False))}, "text": {"pre_tokenizer": seq(split("l", "Removed", kind="String"), bl(use_regex=False))}, "empty text": {"pre_tokenizer": seq(split("", kind="String"), bl(use_regex=False))},
    "scripts": {"pre_tokenizer": seq({"type": "UnicodeScripts"}, bl(use_regex=False))}, "fixed length": {"pre_tokenizer": seq({"type": "FixedLength", "length": 3}, bl(use_regex=False))},
    "byte-level normalizer": {"normalizer": norms({"type": "NFKC"}, {"type": "ByteLevel"}), "pre_tokenizer": None}, "ignore merges": {"model": {"ignore_merges": True, "merges": []}}, "mask": {"added_tokens": [token(330, "<mask>", lstrip=True), token(331, "cat", normalized=True, special=False)], "post_processor": bl()},
}.items()] + [("spaces", k, v) for k, v in {
    **{f"metaspace {s} {w}": {"pre_tokenizer": meta(s, w), "decoder": meta(s, w)} for s in ("always", "first", "never") for w in (False, True)}, "fused": {"model": {"fuse_unk": True}}, "dropped": {"model": {"unk_token": None}}, "fallback": {"model": {"byte_fallback": True, "fuse_unk": True}, "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}},
    "Llama 2": {"normalizer": norms({"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}), "pre_tokenizer": None}, "charsmap": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap()}}, "Nmt": {"normalizer": norms({"type": "Nmt"}, {"type": "Strip", "strip_left": True, "strip_right": True}), "pre_tokenizer": seq({"type": "WhitespaceSplit"}, meta("first"))},
    "replace": {"normalizer": norms({"type": "Replace", "pattern": {"Regex": r"\s{2,}|[\n\t]"}, "content": " "}, {"type": "Replace", "pattern": {"Regex": "(?=[0-9])"}, "content": "o"}, {"type": "Replace", "pattern": {"String": "ll"}, "content": "at"}), "decoder": {"type": "Replace", "pattern": {"Regex": "[aeiou]+|\u2581"}, "content": "~"}}, "CTC": {"decoder": {"type": "CTC", "pad_token": "e", "word_delimiter_token": "\u2581", "cleanup": True}},
}.items()] + [("ends", "plain", {}), ("ends", "ignore merges", {"model": {"ignore_merges": True, "fuse_unk": True}}), ("prefix", "plain", {})]
BASES = {"bytes": b, "spaces": m, "ends": e, "prefix": c}


def cases(t, decode):
    out = []
    for text, pair in [(x, None) for x in (*TEXTS, MARKS)] + [(TEXTS[0], TEXTS[2]), (TEXTS[4], TEXTS[1])]:
        x = t.encode(text, pair)
        places = []
        for (begin, end), s in zip(x.offsets, x.sequence_ids):
            source = (text, pair)[s or 0]
            places += [0, 0] if s is None else [len(source[:begin].encode()), len(source[:end].encode())]
        out.append({"text": text, **({"pair": pair} if pair is not None else {}), "ids": x.ids, "types": x.type_ids, "offsets": places, "decoded": decode(x.ids)})
    return out


out = {"made_with": f"make_bpe_golden.py: tokenizers {tokenizers.__version__}, transformers {tf.__version__}", "bases": BASES, "pipelines": [], "folders": []}
for base, name, change in PIPELINES:
    spec = {**BASES[base], **change, "model": {**BASES[base]["model"], **change.get("model", {})}}
    t = Tokenizer.from_str(json.dumps(spec))
    out["pipelines"].append({"base": base, "name": name, "change": change, "cases": cases(t, lambda ids: t.decode(ids))})

vocab = {**b["model"]["vocab"], **{w: 330 + i for i, w in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"])}}
merges = "#version: 0.2\n" + "\n".join(" ".join(x) for x in b["model"]["merges"]) + "\n"
words = "\n".join(["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>", "hello", "the", "cat", "##s", "don", "'", "t", "x", "##12", "\u0121", "a", "World"]) + "\n"
files = {"vocab.json": vocab, "merges.txt": merges}
model = {**b, "model": {**b["model"], "vocab": vocab}, "added_tokens": [token(334, "<mask>", lstrip=True)], "normalizer": {"type": "Lowercase"}, "post_processor": bl(add_prefix_space=True), "pre_tokenizer": bl(add_prefix_space=True)}
FOLDERS = [("gpt2", {**files}, {}), ("gpt2", {**files}, {"add_prefix_space": True, "add_bos_token": True, "clean_up_tokenization_spaces": True}), ("gpt2", {"tokenizer.json": model}, {"pad_token": "<new>", "add_bos_token": True}),
           ("roberta", {**files}, {}), ("roberta", {**files}, {"add_prefix_space": True, "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False}}), ("roberta", {**files}, {"trim_offsets": False}), ("roberta", {"tokenizer.json": model}, {}),
           ("bart", {**files}, {"tokenizer_class": "BartTokenizerFast"}), ("rwkv", {"tokenizer.json": model}, {}), ("gpt_bigcode", {"tokenizer.json": model}, {"tokenizer_class": "GPT2Tokenizer", "extra_special_tokens": ["cat"]}), ("bloom", {"tokenizer.json": model}, {"tokenizer_class": "BloomTokenizerFast", "bos_token": "<s>"}),
           ("mpnet", {"vocab.txt": words}, {}), ("mpnet", {"vocab.txt": words}, {"do_lower_case": False})]
for kind, content, config in FOLDERS:
    with tempfile.TemporaryDirectory() as d:
        content = {**content, "config.json": {"model_type": kind}, **({"tokenizer_config.json": config} if config else {})}
        for file, text in content.items(): open(os.path.join(d, file), "w", encoding="utf-8").write(text if isinstance(text, str) else json.dumps(text))
        t = tf.AutoTokenizer.from_pretrained(d)
        kept = {k: v for k, v in content.items() if k not in ("vocab.json", "merges.txt", "vocab.txt", "tokenizer.json")}
        out["folders"].append({"class": type(t).__name__, "files": kept, "uses": sorted(set(content) - set(kept)), "cases": cases(t._tokenizer, lambda ids: t.decode(ids, skip_special_tokens=True))})
out["sources"] = {"vocab.json": vocab, "merges.txt": merges, "vocab.txt": words, "tokenizer.json": model}
json.dump(out, open(os.path.join(HERE, "bpe_pipelines.json"), "w"), ensure_ascii=False, separators=(",", ":"))

# ---- RoBERTa: the merges that the examples do, and no others
def unpacked(name): return subprocess.run(["zstd", "-dcq", f"{sys.argv[1]}/gpt2-bpe/{name}.zst"], capture_output=True, check=True).stdout.decode()
gpt2 = json.loads(unpacked("encoder.json"))
of_id = {i: w for w, i in gpt2.items()}
roberta = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
for line in unpacked("dict.txt").splitlines():
    name = line.split(" ")[0]
    roberta[of_id[int(name)] if name.isdigit() else name] = len(roberta)
roberta["<mask>"] = len(roberta)
rank = {tuple(x.split(" ")): i for i, x in enumerate(unpacked("vocab.bpe").split("\n")[1:]) if x}
EXAMPLES = {"Hello world!": "0 31414 232 328 2", "world": "0 8331 2", " world": "0 232 2", "Hello world! c\u00e9c\u00e9 herlolip": "0 31414 232 328 740 1140 12695 69 46078 1588 2", "A, <mask> AllenNLP sentence.": "0 250 6 50264 3823 487 21992 3645 4 2"}
used, pre = set(), pre_tokenizers.ByteLevel(add_prefix_space=False)
for text in EXAMPLES:
    for part in text.replace(" <mask>", "\n").split("\n"):
        for word, _ in pre.pre_tokenize_str(part):
            symbols = list(word)
            while pairs := [(rank[p], i) for i, p in enumerate(zip(symbols, symbols[1:])) if p in rank]:
                _, i = min(pairs)
                used.add((symbols[i], symbols[i + 1]))
                symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]
tokens = set(pre_tokenizers.ByteLevel.alphabet()) | {x for p in used for x in (*p, p[0] + p[1])} | {"<s>", "<pad>", "</s>", "<unk>", "<mask>"}
json.dump({"made_with": "make_bpe_golden.py; ids as published with RoBERTa", "vocab": {t: i for t, i in roberta.items() if t in tokens}, "merges": "\n".join(" ".join(p) for p in sorted(used, key=rank.get)) + "\n",
           "cases": [{"text": t, "ids": [int(x) for x in ids.split()]} for t, ids in EXAMPLES.items()]}, open(os.path.join(HERE, "roberta_cut.json"), "w"), ensure_ascii=False, separators=(",", ":"))
print(len(out["pipelines"]), len(out["folders"]))
