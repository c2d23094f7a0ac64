#!/usr/bin/env python3
"""Writes tables.inc: the Unicode properties as the reference tokenizers have them, found by asking the reference about every
code point (its own Unicode version differs from that of any packaged library).

usage: make_tables.py > tables.inc          needs: tokenizers (the version is written into the file)
"""
import struct, sys, unicodedata
import tokenizers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, AddedToken

CODES = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
REMOVED, SPACE, PUNCTUATION, CJK, MARK, WORD, NUMERIC, MOVES, SPACING_MARK = 1, 2, 4, 8, 16, 32, 64, 128, 256
EXTENDS, PREPENDS, PICTOGRAPHIC, BREAKS, COMPOSED = 512, 1024, 2048, 4096, 8192

clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
chinese = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False)
bert_strip = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
strip = normalizers.StripAccents()
lower, nfd, nfkd, nfc = normalizers.Lowercase(), normalizers.NFD(), normalizers.NFKD(), normalizers.NFC()
split, digits = pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)
single = Tokenizer(models.WordLevel({"[UNK]": 0, "xyz": 1}, unk_token="[UNK]"))
single.add_tokens([AddedToken("xyz", single_word=True, normalized=False)])

# A charsmap that makes an X of every text: it shows how many grapheme clusters the reference sees.
units = [0] * 1024
units[0] = 256 << 10
for byte in range(1, 256): units[256 + byte] = byte | 1 << 8 | ((256 + byte) ^ 512) << 10
charsmap = struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + b"X\0"
clusters = normalizers.Precompiled(charsmap)
assert clusters.normalize_str("a\u0301") == "X" and clusters.normalize_str("ab") == "XX"


def joined(s): return clusters.normalize_str(s) == "X"


def runs(pattern):
    """The code points in which a regular expression of the reference finds one character."""
    text, found, at = "".join(map(chr, CODES)), set(), 0
    for piece, _ in pre_tokenizers.Split(Regex(pattern + "+"), "isolated").pre_tokenize_str(text):
        codes = CODES[at:at + len(piece)]
        at += len(piece)
        if test_one(pattern, chr(codes[0])): found.update(codes)
    assert at == len(text)
    return found


def test_one(pattern, s): return pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(s) == []



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
    if s not in "\0a" and joined("a" + s): f |= EXTENDS
    if s not in "\0a" and joined(s + "a"): f |= PREPENDS
    if s != "\0" and clusters.normalize_str("\u00a9\u200d" + s) == "XXX" and not f & EXTENDS: f |= PICTOGRAPHIC
    if s != "\0" and len(s.encode()) < 4 and not joined(s + "\u0301"): f |= BREAKS
    if nfc.normalize_str(s) != s or nfc.normalize_str("\u0345" + s) != "\u0345" + s: f |= COMPOSED
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
for _, second in compositions: flags[second] = flags.get(second, 0) | COMPOSED
for c in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)): flags[c] |= COMPOSED  # the parts of a Hangul syllable
# general categories in the order of unicode.h, and three properties beside them
CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
classes_of = {}
for i, category in enumerate(CATEGORIES[1:], 1):
    for c in runs(r"\p{%s}" % category): assert c not in classes_of, hex(c); classes_of[c] = i
for bit, pattern in ((32, "[[:alpha:]]"), (64, "[[:lower:]]"), (128, "[[:upper:]]")):
    for c in runs(pattern): classes_of[c] = classes_of.get(c, 0) | bit
# the scripts that UnicodeScripts tells apart: 0 goes with every script
by_script, representatives = {}, []
scripts = pre_tokenizers.UnicodeScripts()
def together(a, b): return len(scripts.pre_tokenize_str(a + b)) == 1
last, number = None, 0
for c in CODES:
    s = chr(c)
    if together("a" + s + "a", "") and together("\u044f" + s + "\u044f", ""): continue
    if last is None or not together(last, s):
        number = next((i for i, r in enumerate(representatives, 1) if together(r, s)), 0)
        if not number: representatives.append(s); number = len(representatives)
        last = s
    by_script[c] = number

out = sys.stdout
out.write(f"// Made by make_tables.py with tokenizers {tokenizers.__version__}. Do not edit.\n")
def blocks_of(values):
    blocks, index = {}, []
    for b in range(0x110000 // 128):
        block = tuple(values.get(b * 128 + i, 0) for i in range(128))
        index.append(blocks.setdefault(block, len(blocks)))
    return list(blocks), index


def table(kind, name, values, per=24):
    out.write(f"constexpr {kind} {name}[] = {{\n")
    for i in range(0, len(values), per): out.write("    " + ", ".join(str(v) for v in values[i:i + per]) + ",\n")
    out.write("};\n")
for name, kind, values in (("Flag", "std::uint16_t", flags), ("Class", "std::uint8_t", classes_of), ("Script", "std::uint8_t", by_script)):
    blocks, index = blocks_of(values)
    table("std::uint16_t", f"k{name}Index", index)
    table(kind, f"k{name}Blocks", [v for b in blocks for v in b])
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
print(f"{len(representatives)} scripts, {len(lowers)} lower, {len(decompositions)} decompositions, {len(compatibility)} compatibility, "
      f"{len(compositions)} compositions", file=sys.stderr)
