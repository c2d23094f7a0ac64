#!/usr/bin/env python3
"""Writes training.json beside this script: what the trainers of Hugging Face tokenizers learn from a small text, and what the tokenizers they make do.

For WordPiece, whose ##c get ids in the order of a hash table, the reference is given special tokens, alphabet and ##c, each in the order of code points, as
its special tokens, so that what it joins and in which order is determined. The text is full of runs of equal characters: of them the same token arises
by different pairs, which is where the reference's bookkeeping can be seen.

usage: make_golden.py        needs: tokenizers (0.23.3 wrote the file that is here)
"""
import json, os, random, tempfile
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
r = random.Random(7)
WORDS = "the cat sat on mat Dogs don't run Ünter naïveté 你好 aa aaa aaaaaaa ---- -------- ======= ababab bababa 12 2024 !!! xx\txx \u0301a q\u302fx\u302e\u0301e \U0001f600".split(" ")
LINES = ["".join(r.choice(WORDS) + r.choice([" ", " ", "  ", "-", "a", ""]) for _ in range(r.randrange(1, 12))) + r.choice(["\n", "\n", "\r\n", " \n"]) for _ in range(400)] + ["the last line"]
TEXTS = ["", "the cat sat on the mat", "Don't run, NAÏVETÉ!", "aaaaaaaaaaaa -----------==", "  two  spaces\nand 你好你 \U0001f600", "unseen Ж letters", "a <mask> b"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, normalized=False, special=True)]


def feed(t, trainer):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as f:
        f.write("".join(LINES))
        f.flush()
        t.train([f.name], trainer)


def bpe(size, special, post, frequency=2, lowercase=False):
    t = Tokenizer(models.BPE())
    if lowercase: t.normalizer = normalizers.Lowercase()
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    feed(t, trainers.BpeTrainer(vocab_size=size, min_frequency=frequency, show_progress=False, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.post_processor = post(t)
    return t, BPE_OPTIONS | {"size": size, "min_frequency": frequency, "lowercase": lowercase}


def word_piece(size, lowercase, frequency=2):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    words = [w for line in LINES for w, _ in t.pre_tokenizer.pre_tokenize_str(t.normalizer.normalize_str(line))]
    alphabet = sorted({c for w in words for c in w}) + ["##" + c for c in sorted({c for w in words for c in w[1:]})]
    feed(t, trainers.WordPieceTrainer(vocab_size=size, min_frequency=frequency, show_progress=False, special_tokens=BERT + alphabet))
    # a tokenizer of that vocabulary, with the usual special tokens alone
    fresh = Tokenizer(models.WordPiece(vocab=t.get_vocab(), unk_token="[UNK]"))
    fresh.normalizer, fresh.pre_tokenizer, fresh.decoder = t.normalizer, t.pre_tokenizer, t.decoder
    fresh.add_special_tokens(BERT)
    fresh.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return fresh, {"kind": "wordpiece", "template": "bert", "size": size, "min_frequency": frequency, "lowercase": lowercase}


def case(t, options):
    encodings = [t.encode(x) for x in TEXTS] + [t.encode(x, TEXTS[1]) for x in TEXTS]
    return {"options": options, "file": json.loads(t.to_str()), "pretty_bytes": len(t.to_str(pretty=True).encode()),
            "ids": [e.ids for e in encodings], "types": [e.type_ids for e in encodings]}


BPE_OPTIONS = {"kind": "bpe", "template": "none"}
gpt2 = lambda t: processors.ByteLevel(trim_offsets=False)
roberta = lambda t: processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
cases = [case(*bpe(400, ["<|endoftext|>"], gpt2)), case(*bpe(2000, ["<|endoftext|>"], gpt2, 1)), case(*bpe(300, ["<|endoftext|>"], gpt2, 2, True))]
BPE_OPTIONS = {"kind": "bpe", "template": "roberta"}
cases += [case(*bpe(320, ROBERTA, roberta)), case(*word_piece(150, True)), case(*word_piece(600, False, 0))]
json.dump({"lines": "".join(LINES), "texts": TEXTS, "cases": cases}, open(os.path.join(HERE, "training.json"), "w"), ensure_ascii=True, separators=(",", ":"))
