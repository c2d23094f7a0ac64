"""The fixture's files and the encoder of its tests, for the scripts beside."""
import json
from unittest.mock import MagicMock
import numpy as np, sentence_transformers as st

WIDTH = 24


def vector(text):
    """The encoder of evaluate_test.cpp: each word adds to two places that its hash (FNV-1a) chooses; all values are exact."""
    v = np.zeros(WIDTH, np.float32)
    for word in text.split():
        h = 0xCBF29CE484222325
        for byte in word.encode(): h = (h ^ byte) * 0x100000001B3 % 2**64
        v[h % WIDTH] += 0.25 + ((h >> 40) & 255) / 256
        v[(h >> 20) % WIDTH] -= 0.25 + ((h >> 48) & 255) / 256
    return v


class Encoder:
    similarity_fn_name, model_card_data, prompts = "cosine", MagicMock(), {}
    similarity = staticmethod(st.util.cos_sim)

    def encode(self, texts, convert_to_tensor=False, **_):
        import torch
        vectors = np.stack([vector(t) for t in texts])
        return torch.tensor(vectors) if convert_to_tensor else vectors
    encode_query = encode_document = encode


def read(name): return [json.loads(line) for line in open("../fixture/" + name)] if not name.endswith(".tsv") else [line.rstrip("\n").split("\t") for line in open("../fixture/" + name)]
def titled(r): return r["title"] + " " + r["text"] if r.get("title") else r["text"]
