#!/usr/bin/env python3
"""Writes pipelines.json beside this script: small tokenizer.json files of every kind of part that the loader accepts, and what the
reference makes of a few texts: ids, types, byte offsets (flat), the decoded text; pairs and each way of truncation. "vocab" and "base"
stand once for all of them; each has its "change".

usage: make_golden.py        needs: tokenizers (its version goes into the file)
"""
import json, os, tokenizers
from tokenizers import Tokenizer

TEXTS = ["Hello, World!", " a\u00e9e\u0301 \u00c5ngstr\u00f6m ", "x12 3.4--y", "\u4f60\u597da \ufb01 \u00bd", "don't [MASK] do", "a_b  c\u3000\u00add"]
chars = sorted({c for t in TEXTS for f in (t, t.lower()) for c in f} | set("\u0301\u0308\u030ai12\u20442fi_aeABgro\u0301\u03b1"))
chars = [c for c in chars if c not in " \u3000"]
VOCAB = {t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + chars + ["##" + c for c in chars] + ["hello", "world", "##llo", "wor", "##ld", "<x>", "n't"])}


def special(content, i, **flags):
    return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


BASE = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [special(t, VOCAB[t]) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": "VOCAB"}}
normalizers = [{"type": t} for t in ("Lowercase", "StripAccents", "NFC", "NFD", "NFKC", "NFKD")] + [
    {"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Replace", "pattern": {"String": "l"}, "content": "ba"}, {"type": "Replace", "pattern": {"String": "  "}, "content": ""},
    {"type": "Prepend", "prepend": "g"}, {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]},
    *({"type": "BertNormalizer", "clean_text": a, "handle_chinese_chars": b, "strip_accents": c, "lowercase": d} for a, b, c, d in ((False, True, None, False), (True, False, True, False), (True, True, False, True)))]
splitters = [{"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "CharDelimiterSplit", "delimiter": "_"}, {"type": "Digits", "individual_digits": True}, {"type": "Digits", "individual_digits": False},
             *({"type": "Punctuation", "behavior": b} for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")),
             {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": True}]}]
template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 1}}, {"Sequence": {"id": "A", "type_id": 2}}],
            "pair": [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 3}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}}
part = lambda name, type_id: {"Sequence": {"id": name, "type_id": type_id}}
empty = {"type": "TemplateProcessing", "single": [part("A", 0)], "pair": [part("A", 0), part("B", 1)], "special_tokens": {}}
decoders = [{"type": "WordPiece", "prefix": "##", "cleanup": False}, {"type": "Fuse"}, {"type": "Replace", "pattern": {"String": "##"}, "content": "+"}, {"type": "Strip", "content": "#", "start": 1, "stop": 1},
            {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "##"}, "content": ""}, {"type": "Fuse"}]}, None]
words = {"type": "WordLevel", "unk_token": "[UNK]", "vocab": "VOCAB"}
n = len(VOCAB)
flags = lambda **f: {"added_tokens": BASE["added_tokens"][:4] + [special("[MASK]", 4, **f)]}
added = lambda content, **f: {"added_tokens": BASE["added_tokens"] + [special(content, VOCAB.get(content, n), special=False, **f)]}
pipelines = [("BERT", {})] + [(f"normalizer {x['type']} {i}", {"normalizer": x}) for i, x in enumerate(normalizers)] + [("no normalizer", {"normalizer": None})]
pipelines += [(f"splitter {x['type']} {i}", {"normalizer": None, "pre_tokenizer": x}) for i, x in enumerate(splitters)] + [("no splitter", {"pre_tokenizer": None})]
pipelines += [("template", {"post_processor": template}), ("sequence of one processor", {"post_processor": {"type": "Sequence", "processors": [template]}}), ("no processor", {"post_processor": None})]
# A template that adds nothing, before and behind others. Behind one that adds tokens most sequences panic ("not yet implemented").
chain = lambda *processors: {"post_processor": {"type": "Sequence", "processors": list(processors)}}
pipelines += [("nothing, template", chain(empty, template)), ("nothing, BERT", chain(empty, BASE["post_processor"])), ("nothing twice", chain(empty, empty)),
              ("nothing, RoBERTa", chain(empty, {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": False, "add_prefix_space": False}))]
pipelines += [(f"decoder {i}", {"decoder": x}) for i, x in enumerate(decoders)]
pipelines += [("whole words", {"model": words}), ("few letters a word", {"model": {**BASE["model"], "max_input_chars_per_word": 4}})]
pipelines += [("lstrip", flags(lstrip=True)), ("rstrip", flags(rstrip=True)), ("both", flags(lstrip=True, rstrip=True)), ("not special", flags(special=False)), ("a new token", added("ell")), ("single word", added("o", single_word=True)),
              ("single word, normalized", added("D", single_word=True, normalized=True)), ("normalized", added("\u00c5ng", normalized=True)), ("normalized, no normalizer", {**added("\u00c5ng", normalized=True), "normalizer": None}), ("longest first", {"added_tokens": BASE["added_tokens"] + [special("He", n), special("Hell", n + 1), special("ell", n + 2)]})]

out = {"made_with": f"make_golden.py: tokenizers {tokenizers.__version__}", "vocab": VOCAB, "base": BASE, "pipelines": []}
for name, change in pipelines:
    spec = {**BASE, **change}
    t = Tokenizer.from_str(json.dumps({**spec, "model": {**spec["model"], "vocab": VOCAB}}))
    cases = []

    def case(text, pair=None, limit=0, strategy="longest_first", special=True):
        t.no_truncation()
        if limit: t.enable_truncation(limit, strategy=strategy)
        e = t.encode(text, pair, add_special_tokens=special)
        places = []
        for (b, f), s in zip(e.offsets, e.sequence_ids):
            source = (text, pair)[s or 0]
            places += [0, 0] if s is None else [len(source[:b].encode()), len(source[:f].encode())]
        cases.append({"text": text, **({"pair": pair} if pair is not None else {}), **({"limit": limit, "strategy": strategy} if limit else {}), **({} if special else {"special": False}),
                      "ids": e.ids, "types": e.type_ids, "offsets": places, "decoded": t.decode(e.ids, skip_special_tokens=not limit and special)})

    for text in TEXTS: case(text)
    if name in ("BERT", "template", "no processor") or name.startswith("nothing"):
        case(TEXTS[0], special=False)
        for a, b in ((TEXTS[0], TEXTS[2]), (TEXTS[2], "ab"), ("ab", TEXTS[0])):
            case(a, b); case(a, b, special=False)
            for limit in (4, 5, 6, 7, 9, 12): case(a, b, limit)
            for strategy in ("only_first", "only_second"):
                for limit in (9, 11, 14):
                    try: case(a, b, limit, strategy)
                    except BaseException: pass  # the text to be cut is too short: an error there too
        for limit in (2, 3, 6): case(TEXTS[0], None, limit)
    if "added_tokens" in change:
        for text in ("x [MASK] y", "[MASK][MASK]  [MASK]", "hello ell o wo d D ohello", "\u00e5ng a\u030ang angANG"): case(text)
    out["pipelines"].append({"name": name, "change": change, "cases": cases})
json.dump(out, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pipelines.json"), "w"), ensure_ascii=False, separators=(",", ":"))
print(len(pipelines), sum(len(p["cases"]) for p in out["pipelines"]))
