#!/usr/bin/env python3
"""Writes vectors.json: sentence-transformers' communities and pairs, and scikit-learn's k-means, of the vectors of check/scattered_vectors.h.

usage: make_vectors.py       in this folder
"""
import json
import numpy as np, sentence_transformers as st, sklearn, torch
from sentence_transformers.util import community_detection, paraphrase_mining_embeddings, semantic_search
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import v_measure_score

WIDTH, GROUPS = 16, 23


def noise(i, d):
    x = np.sin(12.9898 * i + 78.233 * d) * 43758.5453
    return x - np.floor(x) - 0.5


def scattered(first, count, spread):
    """Around one of 23 points each."""
    i, d = np.arange(first, first + count)[:, None], np.arange(WIDTH)[None]
    return (noise(100000 + i % GROUPS, d) + spread * noise(i, d)).astype(np.float32)


def unit(v): return torch.nn.functional.normalize(torch.tensor(v))


out = {"made_with": f"sentence-transformers {st.__version__}, torch {torch.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}", "communities": [], "pairs": [], "between": []}
vectors = scattered(0, 300, 0.9)
for threshold, least in ((0.75, 10), (0.75, 3), (0.6, 2), (0.9, 2), (0.4, 10), (-1, 5), (0.99, 1), (0.5, 400)):
    out["communities"].append({"threshold": threshold, "min_size": least, "members": community_detection(torch.tensor(vectors), threshold=threshold, min_community_size=least)})
for top in (1, 5, 400):
    found = paraphrase_mining_embeddings(unit(vectors[:80]), top_k=top)
    out["pairs"].append({"top": top, "count": len(found), "best": [[round(s, 7), i, j] for s, i, j in found[:40]]})
hits = semantic_search(unit(vectors[:40]), unit(vectors[40:140]), top_k=2)
out["between"] = sorted(([round(h["score"], 7), q, h["corpus_id"]] for q, found in enumerate(hits) for h in found), reverse=True)
# k-means: nothing of its random stream can be the same, so the means over many seeds stand here
wide = scattered(0, 1200, 1.6)
labels = np.arange(1200) % GROUPS
mini = [v_measure_score(labels, MiniBatchKMeans(GROUPS, batch_size=300, random_state=s).fit(wide).labels_) for s in range(60)]
full = [KMeans(GROUPS, n_init=3, random_state=s).fit(wide) for s in range(20)]
out["k_means"] = {"mini_batch": [np.mean(mini), np.std(mini)], "lloyd": [np.mean([v_measure_score(labels, f.labels_) for f in full]), np.std([v_measure_score(labels, f.labels_) for f in full])],
                  "inertia": [np.mean([f.inertia_ for f in full]), np.std([f.inertia_ for f in full])]}
with open("vectors.json", "w") as f: f.write("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in out.items()) + "\n}\n")
