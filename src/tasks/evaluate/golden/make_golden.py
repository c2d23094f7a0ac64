#!/usr/bin/env python3
"""Computes the literals of the tests in this folder with SciPy, scikit-learn, sentence-transformers and pytrec_eval (trec_eval).

usage: make_golden.py        prints them; run it in this folder
"""
import numpy as np, pytrec_eval, scipy, sklearn, sentence_transformers as st
from scipy.stats import pearsonr, rankdata, spearmanr
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator, InformationRetrievalEvaluator
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from fixture import Encoder, read, titled, vector

print(f"# numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}, sentence-transformers {st.__version__}")
x = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
y = [2.7, 1.8, 2.8, 1.8, 2.8, 4.5, 9.0, 4.5, 2.3, 5.3, 6.0]
print("pearson", repr(pearsonr(x, y).statistic), "spearman", repr(spearmanr(x, y).statistic), "ranks", list(rankdata(x)))

print("\n# ranking: found grades, relevant grades")
for found, relevant in [([0, 2, 0, 1, 0, 0, 3, 0, 0, 0, 1, 0], [2, 1, 3, 1, 2]), ([1, 1], [1, 1, 1]), ([0, 0, 0], [1]), ([0] * 10 + [1], [1, 4])]:
    docs = {f"d{i:03}": g for i, g in enumerate(found)}
    left = list(relevant)
    for g in found:
        if g: left.remove(g)
    qrels = {"q": {**docs, **{f"gone{i}": g for i, g in enumerate(left)}}}
    run = {"q": {d: float(-i) for i, d in enumerate(docs)}}
    trec = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10,3", "recall.10,3", "recip_rank", "map_cut.10"}).evaluate(run)["q"]
    sts = InformationRetrievalEvaluator({"q": ""}, {d: "" for d in docs}, {"q": {d for d, g in qrels["q"].items() if g > 0}}, mrr_at_k=[3, 10], ndcg_at_k=[3, 10], precision_recall_at_k=[3, 10], map_at_k=[3, 10])
    sts = sts.compute_metrics([[{"corpus_id": d, "score": s} for d, s in run["q"].items()]])
    print(found, relevant)
    for k in (3, 10):
        print("  k", k, "ndcg", trec[f"ndcg_cut_{k}"], "binary", sts["ndcg@k"][k], "mrr", sts["mrr@k"][k], "recall", trec[f"recall_{k}"], sts["recall@k"][k], "map", sts["map@k"][k])

print("\n# probe")
points = lambda first, count: np.array([[np.sin(7 * i + 3 * d + d * d * i) for d in range(5)] for i in range(first, first + count)], np.float32)
for classes in (2, 3):
    for c in (0.05, 20.0):
        labels = [(i + (i // 4)) % classes for i in range(30)]
        fit = OneVsRestClassifier(LogisticRegression(solver="liblinear", C=c)).fit(points(0, 30), labels)
        print(classes, c, list(map(int, fit.predict(points(100, 24)))))

print("\n# fixture/pairs, fixture/sets")
def pairs(rows):
    scores = [r["score"] if "score" in r else r["relatedness"] for r in rows]
    return EmbeddingSimilarityEvaluator([r["sentence1"] for r in rows], [r["sentence2"] for r in rows], scores, similarity_fn_names=["cosine", "dot", "manhattan", "euclidean"])(Encoder())
for name in ("pairs/test", "sets/year1", "sets/year2"): print(name, {k: float(v) for k, v in pairs(read(name + ".jsonl")).items()})
for part in ("forum", "news"): print(part, {k: float(v) for k, v in pairs([r for r in read("sets/year1.jsonl") if r["set"] == part]).items() if "cosine" in k})

print("\n# fixture/shelf")
corpus, queries = {r["id"]: titled(r) for r in read("shelf/corpus.jsonl")}, {r["id"]: r["text"] for r in read("shelf/queries.jsonl")}
grades = {}
for q, d, g in read("shelf/qrels.tsv"):
    if q in queries: grades.setdefault(q, {})[d] = int(g)
relevant = {q: {d for d, g in ds.items() if g > 0} for q, ds in grades.items()}
evaluator = InformationRetrievalEvaluator(queries, corpus, relevant, precision_recall_at_k=[10, 100])
found = evaluator(Encoder())
print({k: float(v) for k, v in found.items() if k.split("_", 1)[1] in ("mrr@10", "ndcg@10", "recall@10", "recall@100", "map@100")})
unit = lambda m: m / np.maximum(1e-12, np.linalg.norm(m, axis=1, keepdims=True))
scores = unit(np.stack([vector(q) for q in queries.values()])) @ unit(np.stack([vector(d) for d in corpus.values()])).T
run = {}
for q, row in zip(queries, scores):
    order = sorted(zip(corpus, row), key=lambda p: (-p[1], p[0]))
    run[q] = {d: float(-i) for i, (d, _) in enumerate(order)}
print({q: list(r) for q, r in run.items()})
kept = {q: g for q, g in grades.items() if relevant[q]}
print("ndcg@10", float(np.mean([r["ndcg_cut_10"] for r in pytrec_eval.RelevanceEvaluator(kept, {"ndcg_cut.10"}).evaluate({q: run[q] for q in kept}).values()])))

print("\n# fixture/topics")
train, valid, test = (read(f"topics/{s}.jsonl") for s in ("train", "valid", "test"))
x, y = np.stack([vector(titled(r)) for r in train]), [r["label"] for r in train]
for part in (valid, test):
    u, v = np.stack([vector(titled(r)) for r in part]), [r["label"] for r in part]
    for k in (1, 5):
        right = 0
        for row, want in zip(unit(u) @ unit(x).T, v):
            votes = {}
            for i in np.argsort(-row, kind="stable")[:k]: votes.setdefault(y[i], []).append(float(row[i]))
            right += min(votes, key=lambda c: (-len(votes[c]), -sum(votes[c]), c)) == want
        print("knn", k, right, "of", len(part))
    for c in (0.001, 0.01, 0.1, 1.0, 10.0):
        fit = OneVsRestClassifier(LogisticRegression(solver="liblinear", C=c)).fit(x, y)
        print("probe", c, int(np.sum(fit.predict(u) == np.array(v))), "of", len(part))
