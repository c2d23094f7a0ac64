#!/usr/bin/env python3
"""Writes tables.inc: the Unicode properties as the reference tokenizers have them, found by asking the reference about every
code point (its own Unicode version differs from that of any packaged library).

usage: make_tables.py > tables.inc          needs: tokenizers (the version is written into the file)
"""
import sys, unicodedata
import tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, AddedToken

CODES = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
REMOVED, SPACE, PUNCTUATION, CJK, MARK, WORD, NUMERIC, MOVES, SPACING_MARK = 1, 2, 4, 8, 16, 32, 64, 128, 256

clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
chinese = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False)
bert_strip = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
strip = normalizers.StripAccents()
lower, nfd, nfkd, nfc = normalizers.Lowercase(), normalizers.NFD(), normalizers.NFKD(), normalizers.NFC()
split, digits = pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)
single = Tokenizer(models.WordLevel({"[UNK]": 0, "xyz": 1}, unk_token="[UNK]"))
single.add_tokens([AddedToken("xyz", single_word=True, normalized=False)])



def moves(s):
    """Whether the reference knows s as a combining character: U+0345 has the highest class, everything else goes before it."""
    return s == "\u0345" or (unicodedata.combining(s) and nfd.normalize_str("\u0345" + s).endswith("\u0345"))


flags, lowers, decompositions, compatibility, classes = {}, {}, {}, {}, {}
for c in CODES:
    s, f = chr(c), 0
    cleaned = clean.normalize_str(s)
    if cleaned == "": f |= REMOVED
    if chinese.normalize_str(s) != s: f |= CJK
    if bert_strip.normalize_str(s) == "": f |= MARK
    if strip.normalize_str(s) == "" and not f & MARK: f |= SPACING_MARK
    parts = [p for p, _ in split.pre_tokenize_str("a" + s + "b")]
    if len(parts) == 3: f |= PUNCTUATION
    if len(parts) == 2: f |= SPACE
    assert (cleaned == " ") == (bool(f & SPACE) and not f & REMOVED), hex(c)
    if len(digits.pre_tokenize_str("a" + s + "b")) == 3: f |= NUMERIC
    if moves(s) and not f & MARK: f |= MOVES
    if "xyz" not in single.encode("xyz" + s).tokens: f |= WORD
    if f: flags[c] = f
    if (l := lower.normalize_str(s)) != s: lowers[c] = l
    hangul = 0xAC00 <= c <= 0xD7A3
    if not hangul and (d := nfd.normalize_str(s)) != s: decompositions[c] = d
    if not hangul and (d := nfkd.normalize_str(s)) != nfd.normalize_str(s): compatibility[c] = d
    # the combining class, where the reference knows it: it reorders c behind a mark of a higher class
    if moves(s): classes[c] = unicodedata.combining(s)
# primary composites: pairs that the reference joins
compositions = {}
for c, d in decompositions.items():
    if len(d) >= 2 and nfc.normalize_str(d) == chr(c):
        # the last step joins the composition of all but the last character with it
        head = nfc.normalize_str(d[:-1])
        if len(head) == 1: compositions[(ord(head), ord(d[-1]))] = c

out = sys.stdout
out.write(f"// Made by make_tables.py with tokenizers {tokenizers.__version__}. Do not edit.\n")
blocks, index = [], []
for b in range(0x110000 // 128):
    block = tuple(flags.get(b * 128 + i, 0) for i in range(128))
    if block not in blocks: blocks.append(block)
    index.append(blocks.index(block))
assert len(blocks) <= 256
def table(kind, name, values, per=24):
    out.write(f"constexpr {kind} {name}[] = {{\n")
    for i in range(0, len(values), per): out.write("    " + ", ".join(str(v) for v in values[i:i + per]) + ",\n")
    out.write("};\n")
table("std::uint8_t", "kFlagIndex", index)
table("std::uint16_t", "kFlagBlocks", [v for b in blocks for v in b])
pool = []
def mapping(name, entries):
    rows = []
    for c, s in sorted(entries.items()):
        rows.append("{%d, %d, %d}" % (c, len(pool), len(s)))
        pool.extend(ord(x) for x in s)
    table("MappingEntry", name, rows, 8)
mapping("kLower", lowers); mapping("kDecompositions", decompositions); mapping("kCompatibility", compatibility)
table("std::uint32_t", "kPool", pool, 16)
table("ClassEntry", "kClasses", ["{%d, %d}" % x for x in sorted(classes.items())], 10)
table("CompositionEntry", "kCompositions", ["{%d, %d, %d}" % (a, b, c) for (a, b), c in sorted(compositions.items())], 8)
print(f"{len(blocks)} blocks, {len(lowers)} lower, {len(decompositions)} decompositions, {len(compatibility)} compatibility, "
      f"{len(compositions)} compositions", file=sys.stderr)
