#!/usr/bin/env python3
"""Writes tiny_sentence_model/ beside this script: a sentence-transformers folder with a tiny random BERT, a toy vocabulary, prompts,
max_seq_length and a Dense module; and expected.json with texts and what the library makes of them.

usage: make_golden.py        needs: torch, transformers, sentence-transformers. Versions and the seed go into MADE_WITH.txt.
"""
import json, os, shutil, torch, transformers as tf, sentence_transformers as st
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.base.modules.normalize import Normalize
from sentence_transformers.base.modules.transformer import Transformer

HERE = os.path.dirname(os.path.abspath(__file__))
folder, body = os.path.join(HERE, "tiny_sentence_model"), os.path.join(HERE, "body")
for d in (folder, body): shutil.rmtree(d, ignore_errors=True)
torch.manual_seed(12)
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog sat ran on in mat park query passage : . , ! ? un ##want ##ed ##s ##ing run ##n to was".split()
config = tf.BertConfig(vocab_size=len(WORDS), hidden_size=12, num_attention_heads=3, intermediate_size=14, num_hidden_layers=1, max_position_embeddings=20)
model = tf.BertModel(config)
for p in model.parameters(): torch.nn.init.normal_(p, std=0.3) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.2)
model.save_pretrained(body)
open(body + "/vocab.txt", "w").write("\n".join(WORDS) + "\n")
json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 16}, open(body + "/tokenizer_config.json", "w"))
transformer = Transformer(body)
transformer.max_seq_length = 12
dense = Dense(24, 8)
torch.nn.init.normal_(dense.linear.weight, std=0.4)
model = st.SentenceTransformer(modules=[transformer, Pooling(12, pooling_mode=("cls", "mean"), include_prompt=False), dense, Normalize()],
                               prompts={"query": "query: ", "document": "passage: ", "plain": ""}, device="cpu")
model.save(folder, create_model_card=False)
shutil.rmtree(body)
for name in ("README.md", "tokenizer.json", "special_tokens_map.json"):
    if os.path.exists(f"{folder}/{name}"): os.remove(f"{folder}/{name}")
open(folder + "/vocab.txt", "w").write("\n".join(WORDS) + "\n")
model = st.SentenceTransformer(folder, device="cpu")
TEXTS = ["The cat sat on the mat.", "A dog ran in the park!", "", "unwanted", "the cat the dog the cat the dog the cat the dog the cat", "Zebra", "?", "a cat, a dog, a mat", "running to the park was unwanted"] + \
        [" ".join((WORDS[5:15] * 3)[i:i + n]) for i, n in enumerate((1, 2, 3, 5, 8, 13, 9, 4, 6, 7))]
expected = {"texts": TEXTS, "max_seq_length": model.max_seq_length,
            "truncated": [len(ids) > model.max_seq_length for ids in model.tokenizer(TEXTS, truncation=False)["input_ids"]]}
for name in ("plain", "query", "document"): expected[name] = [[float(f"{x:.9g}") for x in row] for row in model.encode(TEXTS, prompt_name=name).tolist()]
rounded = lambda rows: [[float(f"{x:.9g}") for x in row] for row in rows.tolist()]
expected["cut"] = rounded(model.encode(TEXTS, truncate_dim=3))
expected["cut_and_normalized"] = rounded(model.encode(TEXTS, truncate_dim=3, normalize_embeddings=True))
expected["tokens"] = [rounded(rows) for rows in model.encode(TEXTS[:5], output_value="token_embeddings")]
model[1] = Pooling(12, pooling_mode=("max", "lasttoken"), include_prompt=False)
expected["pooled"] = rounded(model.encode(TEXTS))
json.dump(expected, open(HERE + "/expected.json", "w"))
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"make_golden.py: torch {torch.__version__.split('+')[0]}, transformers {tf.__version__}, sentence-transformers {st.__version__}; seed 12\n")
print(expected["max_seq_length"], sum(expected["truncated"]))
