#!/usr/bin/env python3
"""Writes byte_tokenizer.json beside this script: the tokenizer of bytes as the reference library saves it, and what the library makes of a few texts. Before that
it holds ids against bytes on random texts, and reads a folder as transformers' AutoTokenizer does.

usage: make_byte_golden.py        needs: tokenizers, transformers
"""
import json, os, random, tempfile
import tokenizers, transformers as tf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))


def symbol(byte, others=[b for b in range(256) if not (33 <= b <= 126 or 161 <= b <= 172 or 174 <= b)]):  # Radford et al. 2019, encoder.py
    return chr(256 + others.index(byte)) if byte in others else chr(byte)


t = Tokenizer(models.BPE(vocab={symbol(b): b for b in range(256)}, merges=[]))
t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
t.decoder = decoders.ByteLevel()
saved = json.loads(t.to_str())
random.seed(1)
for _ in range(2000):
    text = "".join(chr(random.choice([random.randrange(128), random.randrange(0xD800), random.randrange(0xE000, 0x110000)])) for _ in range(random.randrange(60)))
    assert t.encode(text).ids == list(text.encode()) and t.decode(t.encode(text).ids) == text, text
with tempfile.TemporaryDirectory() as folder:  # a GPT-2 of bytes: the class that its model_type has would add <|endoftext|> as id 256
    t.save(folder + "/tokenizer.json")
    json.dump({"clean_up_tokenization_spaces": False, "tokenizer_class": "PreTrainedTokenizerFast"}, open(folder + "/tokenizer_config.json", "w"))
    json.dump({"model_type": "gpt2"}, open(folder + "/config.json", "w"))
    auto = tf.AutoTokenizer.from_pretrained(folder)
    assert len(auto) == 256 and auto("a <|endoftext|> é\n").input_ids == list("a <|endoftext|> é\n".encode()), auto
cases = []
for text in ("", "a", "Hello, World!  don't", "é\U0001f600\u4f60\u0301", "\0\x7f\t\r\n ", " <|endoftext|>\u3000"):
    e = t.encode(text)
    before = [len(text[:i].encode()) for i in range(len(text) + 1)]  # the library counts characters
    cases.append({"text": text, "ids": e.ids, "offsets": [[before[a], before[b]] for a, b in e.offsets], "words": e.word_ids})
decoded = [{"ids": ids, "text": t.decode(ids)} for ids in ([255], [0xC3, 0xA9], [0xC3], [0xE2, 0x82, 65, 0xF0, 0x9F, 0x98], [0xED, 0xA0, 0x80], [0, 10, 128, 128])]
json.dump({"made_with": f"tokenizers {tokenizers.__version__}, transformers {tf.__version__}", "tokenizer": saved, "cases": cases, "decoded": decoded}, open(os.path.join(HERE, "byte_tokenizer.json"), "w"), ensure_ascii=True)
