"""Folders of BPE tokenizers for parity_tokenizer.py: GPT-2's and RoBERTa's vocabularies as files and as tokenizer.json, GPT-NeoX's file, MPNet's
WordPiece, and small tokenizers trained here whose configurations cover every part of a tokenizer.json."""
import base64, json, random, struct, subprocess
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
DEEPSEEK = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def unpacked(path): return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout.decode("utf-8")


def charsmap(pairs):
    """A small charsmap: a double-array trie over the keys, first fit, and the texts they become."""
    texts, units, used = b"", [0] * 65536, {0}
    tree = {}
    for key, value in pairs.items():
        node = tree
        for b in key.encode(): node = node.setdefault(b, {})
        node[None] = len(texts); texts += value.encode() + b"\0"

    def place(node, index, label, base_of):
        children = [0 if b is None else b for b in node]
        base = next(x for x in range(1, 65536) if x ^ index < 2 ** 21 and all(x ^ c not in used for c in children) and all(x ^ c < 65536 for c in children))
        used.update(base ^ c for c in children)
        units[index] = label | (1 << 8 if None in node else 0) | (index ^ base) << 10
        for b, child in node.items():
            if b is None: units[base] = child | 1 << 31
            else: place(child, base ^ b, b, base)
    place(tree, 0, 0, 0)
    size = (max(used) | 255) + 1
    return base64.b64encode(struct.pack(f"<I{size}I", 4 * size, *units[:size]) + texts).decode()


def trained(corpus, pre, normalizer=None, size=3000, model=None, alphabet=None, **options):
    t = Tokenizer(model or models.BPE())
    t.pre_tokenizer = pre
    if normalizer: t.normalizer = normalizer
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet or [], show_progress=False, **options))
    return t


def changed(t, **parts):
    j = json.loads(t.to_str())
    model = parts.pop("model", {})
    j.update(parts); j["model"].update(model)
    return j


def token(i, content, **flags): return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def folders(data, corpus):
    """{name: {file: content}}; `data` is the folder with gpt2-bpe and rwkv, `corpus` some lines to train on."""
    gpt2 = json.loads(unpacked(f"{data}/gpt2-bpe/encoder.json.zst"))
    merges = unpacked(f"{data}/gpt2-bpe/vocab.bpe.zst")
    of_id = {i: w for w, i in gpt2.items()}
    roberta = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    for line in unpacked(f"{data}/gpt2-bpe/dict.txt.zst").splitlines():
        name = line.split(" ")[0]
        roberta[of_id[int(name)] if name.isdigit() else name] = len(roberta)
    roberta["<mask>"] = len(roberta)
    assert len(roberta) == 50265, len(roberta)
    pairs = [m.split(" ") for m in merges.split("\n")[1:] if m]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    gpt2_json = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [token(50256, "<|endoftext|>", normalized=True)], "normalizer": None, "pre_tokenizer": byte_level,
                 "post_processor": {**byte_level, "trim_offsets": False}, "decoder": byte_level,
                 "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False, "vocab": gpt2, "merges": [" ".join(m) for m in pairs]}}
    roberta_json = {**gpt2_json, "added_tokens": [token(0, "<s>"), token(1, "<pad>"), token(2, "</s>"), token(3, "<unk>"), token(50264, "<mask>", lstrip=True)],
                    "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False}, "model": {**gpt2_json["model"], "vocab": roberta}}
    g, r = {"model_type": "gpt2"}, {"model_type": "roberta"}
    gfiles = {"vocab.json": gpt2, "merges.txt": merges, "config.json": g}
    rfiles = {"vocab.json": roberta, "merges.txt": merges, "config.json": r}
    decoder = {str(i): {k: v for k, v in token(i, c, **f).items() if k != "id"} for i, c, f in ((0, "<s>", {}), (2, "</s>", {"normalized": True}), (50264, "<mask>", {"lstrip": True}), (50265, "<new>", {"special": False}), (50266, "word", {"single_word": True, "normalized": True, "special": False}))}
    out = {
        "GPT-2 files": gfiles,
        "GPT-2 files, prefix space, bos": {**gfiles, "tokenizer_config.json": {"add_prefix_space": True, "add_bos_token": True, "clean_up_tokenization_spaces": True}},
        "GPT-2 tokenizer.json alone": {"tokenizer.json": gpt2_json},
        "GPT-2 tokenizer.json, class": {"tokenizer.json": {**gpt2_json, "post_processor": {**byte_level, "add_prefix_space": True}}, "config.json": g, "tokenizer_config.json": {"add_prefix_space": True, "pad_token": "<pad>", "add_bos_token": True}},
        "RoBERTa files": rfiles,
        "RoBERTa files, prefix space": {**rfiles, "tokenizer_config.json": {"add_prefix_space": True}},
        "RoBERTa files, no trimming": {**rfiles, "tokenizer_config.json": {"trim_offsets": False, "added_tokens_decoder": decoder}},
        "RoBERTa tokenizer.json": {"tokenizer.json": roberta_json, "config.json": r},
        "RoBERTa tokenizer.json, general": {"tokenizer.json": roberta_json, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "extra_special_tokens": ["<new>"], "mask_token": "<mask>", "bos_token": "<b>"}},
        "RoBERTa, special_tokens_map": {**rfiles, "special_tokens_map.json": {"mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": True}, "pad_token": "<pad>"}, "added_tokens.json": {"<new>": 50265}},
        "BART class": {**rfiles, "config.json": {"model_type": "bart"}, "tokenizer_config.json": {"tokenizer_class": "BartTokenizerFast"}},
    }
    neox = json.loads(unpacked(f"{data}/rwkv/20B_tokenizer.json.zst"))
    out["GPT-NeoX tokenizer.json"] = {"tokenizer.json": neox, "config.json": {"model_type": "rwkv"}}
    out["GPT-NeoX tokenizer.json alone"] = {"tokenizer.json": neox}
    words = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"] + sorted({c for line in corpus for c in line.lower()} - set(" \n")) + [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"] + ["the", "of", "##ing", "\u0121", "##ed", "word"]
    out["MPNet vocab.txt"] = {"vocab.txt": "\n".join(dict.fromkeys(words)) + "\n", "config.json": {"model_type": "mpnet"}}
    out["MPNet vocab.txt, config"] = {**out["MPNet vocab.txt"], "tokenizer_config.json": {"do_lower_case": False, "mask_token": "<mask>", "cls_token": "<s>"}}
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    seq = pre_tokenizers.Sequence
    digits = trained(corpus, seq([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), alphabet=alphabet)
    bl = lambda **k: {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **k}
    split = lambda pattern, behavior="Isolated", invert=False, kind="Regex": {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}
    then_bytes = lambda *parts: {"type": "Sequence", "pretokenizers": [*parts, bl(use_regex=False)]}
    sub = {
        "digits apart": {}, "digits, joined": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": False}, bl()]}},
        "Llama 3's pattern": {"pre_tokenizer": then_bytes(split(LLAMA3)), "model": {"ignore_merges": True}, "post_processor": {"type": "Sequence", "processors": [bl(), {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "a", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {"a": {"id": "a", "ids": [5], "tokens": ["a"]}}}]}},
        "Qwen 2's pattern, NFC": {"pre_tokenizer": then_bytes(split(QWEN2)), "normalizer": {"type": "NFC"}, "post_processor": bl(trim_offsets=False)},
        "GPT-4o's pattern": {"pre_tokenizer": then_bytes(split(GPT4O))}, "DeepSeek's patterns": {"pre_tokenizer": then_bytes(split(r"\p{N}{1,3}"), split(r"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(DEEPSEEK))},
        "no pattern": {"pre_tokenizer": bl(use_regex=False)}, "prefix space": {"pre_tokenizer": bl(add_prefix_space=True), "post_processor": bl(add_prefix_space=True)},
        "trim, no prefix": {"post_processor": bl(add_prefix_space=True)},
        "byte-level normalizer": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "ByteLevel"}]}, "pre_tokenizer": split("\u0120", "MergedWithNext", kind="String")},
        **{f"split {b}{' inverted' if i else ''}": {"pre_tokenizer": then_bytes(split(r"\w+|\s", b, i))} for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous") for i in (False, True)},
        "split, empty matches": {"pre_tokenizer": then_bytes(split(r"(?=[A-Z])|\b"))}, "split, anchors": {"pre_tokenizer": then_bytes(split(r"^\s*\S|(?<=[a-z])(?=[A-Z\d])|[^[:alpha:]&&[^\s]]++|\h{2}"))},
        "split by text": {"pre_tokenizer": then_bytes(split("th", "Removed", kind="String"))}, "scripts": {"pre_tokenizer": then_bytes({"type": "UnicodeScripts"})},
        "fixed length": {"pre_tokenizer": then_bytes({"type": "FixedLength", "length": 3})}, "dropout none": {"model": {"dropout": None, "unk_token": "a", "fuse_unk": True}},
        "added, normalized": {"normalizer": {"type": "Lowercase"}, "added_tokens": [token(3000, "<New>", normalized=True, special=False), token(3001, "Word", normalized=True, single_word=True, special=False), token(3002, "<mask>", lstrip=True, rstrip=True)], "post_processor": bl()},
        "added, no normalizer": {"added_tokens": [token(3000, "<new>", normalized=True, special=False), token(3001, "word", normalized=True, single_word=True, special=False), token(3002, "<mask>", lstrip=True, rstrip=True), token(3003, "  ", normalized=True, special=False)]},
    }
    for name, parts in sub.items(): out[f"BPE {name}"] = {"tokenizer.json": changed(digits, **{"decoder": bl(), **parts})}
    few = corpus[: len(corpus) // 2]
    meta = trained(few, pre_tokenizers.Metaspace(), size=2000, limit_alphabet=200, special_tokens=["<unk>"] + [f"<0x{b:02X}>" for b in range(256)])
    space = lambda scheme, split=True: {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}
    llama = [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    plain = {"byte_fallback": False, "unk_token": "<unk>"}
    spm = charsmap({"\ufb01": "fi", "\uff21": "A", "e\u0301": "\u00e9", "\u00ad": "", "\u2460": "1", "\u3000": " ", "\t": " ", "\u0301": "", "\u00bd": "1/2"})
    sub = {
        "Llama 2": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}, "pre_tokenizer": None, "decoder": {"type": "Sequence", "decoders": llama}, "model": {"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True}},
        **{f"metaspace {s}{'' if p else ' whole'}": {"pre_tokenizer": space(s, p), "decoder": space(s, p), "model": plain} for s in ("always", "first", "never") for p in (True, False)},
        "fused unknown": {"pre_tokenizer": space("always"), "decoder": space("always"), "model": {**plain, "fuse_unk": True}}, "no unknown": {"pre_tokenizer": space("always"), "decoder": space("always"), "model": {"byte_fallback": False, "unk_token": None}},
        "unknown and bytes": {"pre_tokenizer": space("always"), "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, space("always")]}, "model": {"byte_fallback": True, "unk_token": "<unk>", "vocab": {k: v for k, v in json.loads(meta.to_str())["model"]["vocab"].items() if k != "<0xE4>"}}},
        "charsmap": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": spm}, "pre_tokenizer": space("always"), "decoder": space("always"), "model": plain},
        "Nmt, Strip, Metaspace first": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "Strip", "strip_left": True, "strip_right": True}]}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space("first")]}, "decoder": space("first"), "model": plain},
        "Replace by pattern": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"Regex": r"\s{2,}|[\n\r\t]"}, "content": " "}, {"type": "Replace", "pattern": {"String": "''"}, "content": "\""}, {"type": "Replace", "pattern": {"Regex": "(?=[0-9])"}, "content": "#"}]}, "pre_tokenizer": space("always"), "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"Regex": "[aeiou]+|\u2581"}, "content": "~"}]}, "model": plain},
        "CTC decoder": {"pre_tokenizer": space("never"), "decoder": {"type": "CTC", "pad_token": "e", "word_delimiter_token": "\u2581", "cleanup": True}, "model": plain},
        "Punctuation": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Contiguous"}, {"type": "CharDelimiterSplit", "delimiter": "e"}]}, "decoder": None, "model": plain},
    }
    for name, parts in sub.items(): out[f"BPE {name}"] = {"tokenizer.json": changed(meta, **parts)}
    ends = trained(few, pre_tokenizers.Whitespace(), size=2000, model=models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), limit_alphabet=200, special_tokens=["<unk>"], end_of_word_suffix="</w>")
    starts = trained(few, pre_tokenizers.BertPreTokenizer(), size=2000, model=models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), limit_alphabet=200, special_tokens=["<unk>"], continuing_subword_prefix="##")
    out["BPE ends of words"] = {"tokenizer.json": changed(ends, decoder={"type": "BPEDecoder", "suffix": "</w>"})}
    out["BPE ends, ignore_merges, fused"] = {"tokenizer.json": changed(ends, decoder={"type": "BPEDecoder", "suffix": "</w>"}, model={"ignore_merges": True, "fuse_unk": True})}
    out["BPE continuing prefix"] = {"tokenizer.json": changed(starts, decoder={"type": "WordPiece", "prefix": "##", "cleanup": True})}
    return out
