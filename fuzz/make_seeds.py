#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: fuzz/seeds/TARGET/NAME. They are committed; run it again after a change here."""
import json
import pathlib
import struct
import zipfile

ROOT = pathlib.Path(__file__).parent / "seeds"


def seed(target, name, content):
    path = ROOT / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def tensors(header, data=b""):
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(text)) + text + data


def tensor(kind, shape, begin, end):
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


seed("safetensors", "one", tensors({"a": tensor("F32", [2], 0, 8)}, b"12345678"))
seed("safetensors", "several", tensors({"__metadata__": {"format": "pt"}, "a": tensor("BF16", [2, 2], 0, 8), "b": tensor("I64", [], 8, 16),
                                        "c": tensor("BOOL", [3], 16, 19)}, bytes(19)))
seed("safetensors", "zero_sized", tensors({"a": tensor("F32", [0], 0, 0), "b": tensor("F32", [0, 3], 0, 0), "c": tensor("U8", [1], 0, 1)}, b"x"))
seed("safetensors", "sub_bytes", tensors({"a": tensor("F4", [4], 0, 2), "b": tensor("F6_E2M3", [4], 2, 5)}, bytes(5)))
seed("safetensors", "empty_header", tensors(b"{}"))
seed("safetensors", "overlap", tensors({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [1], 4, 8)}, bytes(8)))
seed("safetensors", "wrapping", tensors({"a": tensor("F32", [4294967296, 4294967296], 0, 0)}))
seed("safetensors", "twice", tensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"))
seed("safetensors", "huge_length", b"\xff" * 8 + b"{}")
seed("safetensors", "cut", tensors({"a": tensor("F32", [2], 0, 8)}, b"1234"))


def npy(header, data, version=1):
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


SHAPE = "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }"
seed("npy", "rows", npy(SHAPE % ("<f4", "False", "2, 3"), bytes(24)))
seed("npy", "scalar", npy(SHAPE % ("|u1", "False", ""), b"x"))
seed("npy", "version_2", npy(SHAPE % ("<i8", "False", "1,"), bytes(8), 2))
seed("npy", "fortran", npy(SHAPE % ("<f4", "True", "2, 3"), bytes(24)))
seed("npy", "wrapping", npy(SHAPE % ("<f4", "False", "4294967296, 4294967296"), b""))
seed("npy", "not", b"PK\x03\x04")

BERT = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 24, "hidden_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 16, "hidden_act": "gelu", "max_position_embeddings": 16, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "pad_token_id": 0, "tie_word_embeddings": True, "problem_type": None}
seed("config", "bert", json.dumps(BERT))
seed("config", "heads", json.dumps({**BERT, "num_attention_heads": 3}))
seed("config", "numbers", '{"hidden_size":1e400,"a":[-0.0,1e-400,18446744073709551616,-9223372036854775809,NaN]}')
seed("config", "nested", "[" * 70 + "]" * 70)
seed("config", "texts", '{"a":"\\ud83d\\ude00\\u0000\\n","\\u00e9":[true,false,null,{}]}')
seed("config", "twice", '{"a":1,"b":{"a":1},"a":2}')

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world", "w", "##o", "##rld", ",", "!", "中", "文", "h", "##ello", "é"]
TOKENIZER = {"added_tokens": [{"id": 2, "content": "[CLS]", "special": True, "lstrip": True},
                              {"id": 4, "content": "[MASK]", "special": False, "normalized": True, "single_word": True}],
             "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None},
             "pre_tokenizer": {"type": "BertPreTokenizer"},
             "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]},
             "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
             "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                       "vocab": {t: i for i, t in enumerate(VOCAB)}}}
TEXT = "\0Hello, wörld! [MASK] 中文 H\u0301ello"
seed("tokenizer_json", "bert", json.dumps(TOKENIZER) + TEXT)
seed("tokenizer_json", "template", json.dumps({**TOKENIZER, "post_processor": {
    "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}}}) + TEXT)
seed("tokenizer_json", "word_level", json.dumps({"model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "hello": 1, "a": 2}},
                                                 "pre_tokenizer": {"type": "Whitespace"}, "decoder": {"type": "Fuse"}}) + TEXT)
seed("tokenizer_json", "sequences", json.dumps({
    **TOKENIZER,
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "NFKC"},
                                                       {"type": "Strip"}, {"type": "Prepend", "prepend": "h"},
                                                       {"type": "Replace", "pattern": {"String": "l"}, "content": "ll"}]},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "MergedWithNext"},
                                                            {"type": "Digits", "individual_digits": True},
                                                            {"type": "CharDelimiterSplit", "delimiter": "o"}]},
    "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "##"}, "content": " "},
                                                 {"type": "Strip", "content": " ", "start": 1, "stop": 0}, {"type": "Fuse"}]}}) + TEXT)
seed("tokenizer_json", "doubling", json.dumps({**TOKENIZER, "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "Replace", "pattern": {"String": "l"}, "content": "l" * 10}] * 9}}) + TEXT)
seed("tokenizer_json", "sparse", json.dumps({**TOKENIZER, "model": {"type": "WordLevel", "vocab": {"a": 16000000}}}) + TEXT)

PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
BPE = {"added_tokens": [{"id": 9, "content": "<mask>", "special": True, "lstrip": True}, {"id": 10, "content": "lo", "normalized": True}], "pre_tokenizer": {"type": "ByteLevel"}, "post_processor": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"},
       "model": {"type": "BPE", "vocab": {t: i for i, t in enumerate(["H", "e", "l", "o", "ll", "llo", "\u0120", "w", "d"])}, "merges": ["l l", "ll o"], "unk_token": "d", "fuse_unk": True}}
SPACES = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"}
def bpe(name, model=None, **parts): seed("tokenizer_json", "bpe_" + name, json.dumps({**BPE, **parts, "model": {**BPE["model"], **(model or {})}}) + TEXT)
bpe("bytes")
bpe("pairs", {"merges": [["l", "l"], ["ll", "o"]], "ignore_merges": True, "dropout": 0.1}, post_processor={"type": "RobertaProcessing", "sep": ["H", 0], "cls": ["e", 1]})
bpe("fallback", {"byte_fallback": True, "vocab": {**BPE["model"]["vocab"], **{f"<0x{b:02X}>": 20 + b for b in range(256)}}}, pre_tokenizer=SPACES, decoder={"type": "Sequence", "decoders": [{"type": "ByteFallback"}, SPACES, {"type": "Fuse"}]})
bpe("suffix", {"end_of_word_suffix": "o", "continuing_subword_prefix": "l", "merges": []}, pre_tokenizer={"type": "UnicodeScripts"}, decoder={"type": "BPEDecoder", "suffix": "o"})
bpe("split", pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "MergedWithNext", "invert": True}, {"type": "FixedLength", "length": 2}, {"type": "ByteLevel", "use_regex": False}]},
    normalizer={"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "Replace", "pattern": {"Regex": "(?=l)|o+"}, "content": "e"}]}, decoder={"type": "CTC"})
bpe("charsmap", normalizer={"type": "Precompiled", "precompiled_charsmap": "EAAAAAAEAAAAAQAAAAEAAAABAABhAA=="})
bpe("exponential", pre_tokenizer={"type": "Split", "pattern": {"Regex": "(l+)+[ab]|(e|ee)+d"}, "behavior": "Isolated"})
bpe("negative", {"vocab": {"a": -1}})
bpe("unknown_merge", {"merges": ["l x"]})

FILES = json.dumps(BPE["model"]["vocab"])
seed("bpe_files", "good", FILES + "\0#version: 0.2\nl l\nll o\n\0Hello, w\u00f6rld")
seed("bpe_files", "spaces", FILES + "\0l  l\n\0llo")
seed("bpe_files", "no_growth", json.dumps({"l": 0, "##": 1, "##l": 2, "ll": 3}) + "\0l ##\nl ##l\n\0lll")
seed("bpe_files", "holes", '{"a":0,"b":16777215}\0\0ab')
for i, pattern in enumerate([PATTERN, PATTERN.replace("'s", "(?i:'s)"), "(a+)+b", "(?=[A-Z])|\\b", "[a-z&&[^b]]+$|^\\h{1,3}", "\\p{^L}|[[:punct:]]|\\u3042", "(?<n>a)\\k<n>|\\1", "(?<!a)b++|\\R|\\G.", "[", "(?m-i:.)"]):
    seed("pattern", f"pattern_{i}", pattern + "\0Hello, world's aaaa 12\u00e9\u4e2d\n\tB\u0301 \u3042  x")

seed("vocabulary", "bert", "\n".join(VOCAB) + "\n")
seed("vocabulary", "crlf", "\r\n".join(VOCAB))
seed("vocabulary", "twice", "[UNK]\n[CLS]\n[SEP]\na\na\n")
seed("vocabulary", "bare", "[UNK]\n[CLS]\n[SEP]")
seed("vocabulary", "odd", "[UNK]\n[CLS]\n[SEP]\n##\n\n \n###\n\u0301\n")

for i, text in enumerate(["The cat plays, unplayed!", "caf\u00e9 cafe\u0301 \u00c5 \u212b \ufb01", "中文 abc中d", "[CLS] [MASK]the[SEP]", "\u0130stanbul \u00df \u1e9e",
                          "a\u0327\u0301\u0323 q\u0307\u0323 \uac00 \u1100\u1161\u11a8", "\u0000\u0001\u0002\u007f\u00ad\u200b\u2028\ufeff\t\n\r ", "q" * 120,
                          "\U0001f600 \U0001f468\u200d\U0001f469 \ufffd", "0123 don't x-y \u201cquoted\u201d"]):
    seed("encode", f"text_{i}", bytes([i % 8]) + text.encode())
for i in range(8, 12):
    for j, text in enumerate(["the  THE 12345's \u00e9e\u0301 <mask>new", "\u4e2d\u6587 \t\n\r\n x'LL'\u017f \U0001f600"]):
        seed("encode", f"bytes_{i}_{j}", bytes([i]) + text.encode())
seed("encode", "invalid", b"\x00the \xff\xfe cat \xed\xa0\x80 \xf0\x9f\x98")

seed("utf8", "valid", "plain, \u00e9, \u20ac, \U0001f600, \U0010ffff, \u0000")
seed("utf8", "subparts", b"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41\xed\xa0\x80\xf4\x91\x92\x93\xff\x41\x80\xbf\x42\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41")
seed("utf8", "cut", "eight bytes \U0001f600".encode()[:-1])

seed("checkpoint_index", "good", '{"metadata":{"total_size":24},"weight_map":{"a":"s1.safetensors","b":"s1.safetensors","c":"s2.safetensors"}}')
seed("checkpoint_index", "escape", '{"weight_map":{"a":"../s1.safetensors"}}')
seed("checkpoint_index", "wrong", '{"weight_map":{"a":"s2.safetensors","d":"s3.safetensors"}}')
seed("checkpoint_index", "nul", '{"weight_map":{"a":"s1.safetensors","a\\u0000":{}}}')

ST = "sentence_transformers.models."
MODULES = json.dumps([{"path": "", "type": ST + "Transformer"}, {"path": "1_Pooling", "type": ST + "Pooling"},
                      {"path": "2_Dense", "type": ST + "Dense"}, {"path": "3", "type": ST + "Normalize"}])
seed("sentence_pipeline", "old", "\0".join([
    MODULES, '{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true,"include_prompt":false}',
    '{"in_features":16,"out_features":4,"bias":false,"activation_function":"torch.nn.modules.linear.Identity"}',
    '{"max_seq_length":256,"do_lower_case":true}', '{"prompts":{"query":"q: "},"default_prompt_name":"query"}']))
seed("sentence_pipeline", "new", "\0".join([
    MODULES, '{"pooling_mode":["mean_sqrt_len_tokens","lasttoken"]}',
    '{"in_features":16,"out_features":4,"module_input_name":"sentence_embedding"}', '{"transformer_task":"feature-extraction"}',
    '{"prompts":{"document":""},"default_prompt_name":null}']))
seed("sentence_pipeline", "plain", "\0\0\0" + '{"max_seq_length":128}')
seed("sentence_pipeline", "escape", '[{"path":"../x","type":"m.Transformer"},{"path":"/etc","type":"m.Pooling"}]')

seed("adapter_config", "peft", json.dumps({"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": "org/name", "revision": None, "auto_mapping": None, "r": 4, "lora_alpha": 16,
     "lora_dropout": 0.1, "use_rslora": True, "bias": "none", "target_modules": ["query"], "modules_to_save": ["classifier"], "rank_pattern": {"query": 2}, "alpha_pattern": {"h.0.attn.c_attn": 0.5}, "use_dora": False}))
seed("adapter_config", "mapping", '{"peft_type":"LORA","auto_mapping":{"base_model_class":"BertForMaskedLM"},"base_model_name_or_path":"../b","target_modules":"all-linear","fan_in_fan_out":true}')
seed("adapter_config", "dora", '{"peft_type":"LORA","use_dora":true}')
seed("adapter_config", "pattern", '{"peft_type":"LORA","r":65536,"lora_alpha":-1e6,"rank_pattern":{"(a+)+$":1}}')
seed("adapter_config", "nan", '{"peft_type":"LORA","lora_alpha":NaN}')

seed("chunker", "prose", b"\x0a\x03" + "The cat sat on the mat. The dog ran!  Is it? e.g. a cat. \n\n# Heading\n\n- item one\n- item two\n".encode())
seed("chunker", "long", b"\x09\x04" + b"q" * 60 + b" " + b"cat " * 60)
seed("chunker", "words", b"\x0c\x05" + "中文中文 \u0301 \ufffd caf\u00e9. ".encode() * 8)
seed("chunker", "empty", b"\x10\x00 \n\n \t")
seed("chunker", "refused", b"\x08\x7fa")

seed("ignore_patterns", "git", "src/build/a.o\0# comment\n*.o\n!keep.o\n/build/\nsrc/**/x\n**/y\nz/**\n[a-c]?.txt\n\\!odd\n")
seed("ignore_patterns", "slow", "a" * 200 + "\0" + "*a" * 60 + "b\n" + "**/" * 40 + "b\n")
seed("ignore_patterns", "odd", "a/b\0[\n[]\n[!]\n[^a\n\\\n!\n/\n//\n***\n**\n")


def patches(*changes):
    return b"".join(struct.pack("<I", at)[:3] + bytes([value]) for at, value in changes)


seed("search_index", "good", b"")
seed("search_index", "mark", patches((0, 0)))
seed("search_index", "page_size", patches((16, 0xFF), (17, 0xFF)))
seed("search_index", "version", patches((63, 9)))
seed("search_index", "cut", patches((0xFFFFF0, 0)))
seed("search_index", "pages", patches((4096, 0xFF), (8192, 0), (12288, 0x0D), (16384, 0x0A), (20480, 0xFF)))

options = {"truncate_dim": 3, "normalize": True, "pooling": ["cls", "mean"], "max_tokens": 64, "prompt": "p: ", "query_prompt": "q\u00e9: ",
           "prompt_name": "document", "query_prompt_name": "query"}
seed("embedder_options", "all", json.dumps(options, ensure_ascii=False))
seed("embedder_options", "none", "{}")
seed("embedder_options", "number", '{"truncate_dim":18446744073709551615,"max_tokens":1e3}')
seed("embedder_options", "mode", '{"pooling":["mean_sqrt_len_tokens","mean_sqrt_len"]}')
seed("embedder_options", "null", '{"prompt":null}')
seed("embedder_options", "unknown", '{"dimension":3}')
seed("embedder_options", "bytes", b'{"prompt":"\xff\xc2\x9b"}')

step = {"step": 1, "loss_nats": 5.5, "learning_rate": 3e-4, "gradient_norm": None, "tokens": 4096, "tokens_per_s": 1e3}
seed("metrics", "run", json.dumps(step) + "\n" + '{"step":1,"valid_loss_nats":-0.0}\r\n\n{"step":1,"sample":"na\u00efve"}\n')
seed("metrics", "half", json.dumps(step) + '\n{"step":2,"lo')
seed("metrics", "others", '{"step":9223372036854775807,"a":true,"b":[1],"c":{"d":2},"e":18446744073709551615}')
seed("metrics", "twice", '{"step":1,"a":1,"a":2}\n{}\n')
seed("metrics", "minus", '{"step":-1}\n')

# ann_cache: the kind, then changes; ids begin at 192, levels and centroids at 288, links at 300
seed("ann_cache", "graph", b"\0")
seed("ann_cache", "lists", b"\1")
seed("ann_cache", "level", b"\0" + patches((288, 16)))
seed("ann_cache", "link", b"\0" + patches((300, 12)))
seed("ann_cache", "layer", b"\0" + patches((316, 1)))
seed("ann_cache", "passages", b"\0" + patches((151, 0x40)))
seed("ann_cache", "cut", b"\0" + patches((0xFFFFF0, 0)))
seed("ann_cache", "centroid", b"\1" + patches((291, 0x7F), (290, 0x80)))
seed("ann_cache", "list_size", b"\1" + patches((288 + 12 * 4 + 4096, 200)))
seed("ann_cache", "row", b"\1" + patches((288 + 12 * 4 + 4096 + 12, 3)))

GOLDEN = pathlib.Path(__file__).parent.parent / "src/formats/golden"
for name in ("views", "fairseq", "script", "legacy"):
    seed("torch_zip", name, (GOLDEN / f"{name}.pt").read_bytes())
module = (GOLDEN / "module_protocol_4.pt").read_bytes()
seed("torch_zip", "module", module)
seed("torch_zip", "cut", module[:-30])
seed("torch_zip", "twice", module.replace(b"archive/data/1", b"archive/data/0"))
seed("torch_zip", "path", module.replace(b"archive/version", b"archive/../sion"))
for name in ("module_protocol_2", "module_protocol_5", "lightning", "fairseq", "whole_module", "sparse"):
    with zipfile.ZipFile(GOLDEN / f"{name}.pt") as archive:
        seed("pickle", name, archive.read(f"{name}/data.pkl" if f"{name}/data.pkl" in archive.namelist() else "archive/data.pkl"))
seed("pickle", "system", b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.")
seed("pickle", "state", b"\x80\x02cevil\nClass\n)\x81}X\x01\x00\x00\x00aNsb.")
seed("pickle", "itself", b"\x80\x02]q\x00h\x00a.")
seed("pickle", "doubling", b"\x80\x02(]q\x00" + b"".join(bytes([93, 113, i, 40, 104, i - 1, 104, i - 1, 101]) for i in range(1, 40)) + b"t.")
seed("pickle", "deep", b"\x80\x02" + b"(" * 500 + b"t" * 500 + b".")
seed("pickle", "lengths", b"\x80\x04(K\x01J\xff\xff\xff\xffM\x01\x02\x8a\x01\xff\x8b\x02\x00\x00\x00\x01\x02G?\xf0\0\0\0\0\0\0\x8c\x01aC\x01b\x8f(K\x01\x90(K\x02\x91t.")
seed("pickle", "huge", b"\x80\x04\x8d" + b"\xff" * 8 + b".")
seed("pickle", "text_protocol", b"(lp0\nI1\na.")
INFO = {"id": "org/name", "sha": "0123456789abcdef0123456789abcdef01234567", "private": False, "siblings": [
    {"rfilename": n} for n in ["README.md", "config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
                               "model-00002-of-00002.safetensors", "1_Pooling/config.json", "vocab.txt"]]}
INDEX = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
seed("repository_info", "good", json.dumps(INFO) + "\0" + json.dumps(INDEX))
seed("repository_info", "escape", json.dumps({**INFO, "siblings": [{"rfilename": "a/../../x"}]}))
seed("repository_info", "both", json.dumps({**INFO, "siblings": [{"rfilename": "a"}, {"rfilename": "a/b"}]}))
seed("repository_info", "commit", json.dumps({**INFO, "sha": "main"}))
seed("repository_info", "shard", json.dumps(INFO) + "\0" + json.dumps({"weight_map": {"a": "../../x"}}))

seed("header_values", "etag", b"\0W/\"0123abc-_.\"")
seed("header_values", "etag_path", b"\0\"../x\"")
seed("header_values", "range", b"\1bytes 5-9/10")
seed("header_values", "range_open", b"\1bytes 0-0/*")
seed("header_values", "retry", b"\x02120")
seed("header_values", "location", b"\3https://h:443/a/b?c\0/x?y#z")
seed("header_values", "location_host", b"\3http://[::1]:8080/a\0//other/x")
seed("header_values", "location_user", b"\3http://h\0http://u:p@h/\x1b[31m")
seed("header_values", "location_blank", b"\3hTtp://h/\0   //other/")

# data_records: what it is read as, then the file
seed("data_records", "jsonl", b"\0" + b"".join(json.dumps(r).encode() + b"\n" for r in [
    {"text": "one", "label": "a"}, {"input_ids": [1, 2, 99], "labels": [-100, 5, 7], "attention_mask": [1, 1, 0], "token_type_ids": [0, 1, 1]},
    {"answers": {"text": ["x"], "answer_start": [3]}, "choices": ["u", "v"], "label": 1}, {"input_ids": [100], "label": [True, 0.5]}, [1]]))
seed("data_records", "tsv", b"\1text\tlabel\tinput_ids\none\t1\t5 6 7\ntwo\tb\t-1\nshort\n")
for i, text in enumerate([b"all of it\r\n", b"one\n\ntwo. Three!\r\n\n", b"a\nb\n\n\n c\n", b"a<|end|>\n<|end|><|end|>b"]):
    seed("data_records", f"text_{i}", bytes([3 + i]) + text)


def token_cache(kind, tokens, begins, marks_begin, marks, version=1, width=2):
    body = b"".join(struct.pack("<H" if width == 2 else "<I", t) for t in tokens)
    body += bytes(-len(body) % 8) + struct.pack(f"<{len(begins)}Q", *begins) + struct.pack(f"<{len(marks_begin)}Q", *marks_begin)
    return (b"\2LYTOKENS" + struct.pack("<4I", version, width, kind, 0) + bytes(32)
            + struct.pack("<5Q", 100, 3, len(begins) - 1, len(marks), len(tokens)) + b"how" + bytes(5) + body + struct.pack(f"<{len(marks)}I", *marks))


seed("data_records", "cache", token_cache(0, [1, 2, 3, 4], [0, 3, 4], [0, 2, 2], [0, 2]))
seed("data_records", "cache_examples", token_cache(1, [1, 2, 2, 1, 9, 5, 6, 7], [0, 8], [0, 0], []))
seed("data_records", "cache_example_outside", token_cache(1, [1, 9, 2, 7, 9, 5], [0, 6], [0, 0], [], width=4))
seed("data_records", "cache_falling", token_cache(0, [1, 2, 3, 4], [0, 5, 4], [0, 2, 2], [0, 2]))
seed("data_records", "cache_marks", token_cache(0, [1, 2], [0, 1, 2], [0, 2, 2], [3, 2]))
seed("data_records", "cache_version", token_cache(0, [1], [0, 1], [0, 0], [], version=2))

# recipe: the file, a zero byte, arguments a line each
RECIPES = ROOT.parent.parent / "recipes"
for path in sorted(RECIPES.glob("*.toml")):
    seed("recipe", path.stem, path.read_bytes() + b"\0train.seed=3\noutput.directory=here")
NEW = """[model]
family = "bert"
config = { hidden_size = 8, "a b" = [1, { c = 2.5 }, "\\u00e9\\n"] }
tokenizer = %s
freeze = ["embeddings", "layer\\\\.[0-9]"]
[data]
folder = "/data"
train = ["a.txt.zst"]
valid = "b.txt"
separator = "\\n\\n"
[objective]
kind = "masked_lm"
count = "google"
max_predictions = 20
[train]
steps = 10
batch_tokens = 4096
optimizer = "lamb"
betas = [0.9, 0.98]
schedule = "wsd"
decay_steps = 5
learning_rate = 1e-3
valid_every = 5
patience = 2
[output]
directory = "run"
"""
seed("recipe", "learnt", NEW % '{ kind = "wordpiece", vocab_size = 300, special = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"] }')
seed("recipe", "bytes", (NEW % '"bytes"').encode() + b"\0model.config.hidden_size=16\ndata.train=[\"x\", \"y\"]\ntrain.ema=0.5")
seed("recipe", "causal", (NEW % '{ kind = "bpe", vocab_size = 300, train_on = "c.jsonl", field = "body" }').replace(
    'count = "google"\nmax_predictions = 20\n', 'between = "<|endoftext|>"\n').replace("masked_lm", "causal_lm"))
seed("recipe", "twice", "[model]\nfrom = 'a'\nfrom = 'b'\n")
seed("recipe", "deep", "a = " + "[" * 300 + "]" * 300)
seed("recipe", "headings", "[[a]]\n[[[1]]]\n")
seed("recipe", "dates", "[model]\nfrom = 1979-05-27\nconfig = { a = 07:32:00 }\n")
seed("recipe", "numbers", "[train]\nsteps = 0x7fffffffffffffff\nlearning_rate = inf\nseed = -nan\nbetas = [1e999, 1_0.0]\n")
seed("recipe", "argument", b"\0model=1\nmodel.from=x\n=\ntrain.steps\na.b.c.d=[[[\n\xff=1\nv=1\\nw=2")
