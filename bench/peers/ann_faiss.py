#!/usr/bin/env python3
"""Faiss's own Python over the vectors of an index: build time, peak memory, latency and recall@10 of HNSW and IVF-PQ.

    PY bench/peers/ann_faiss.py INDEX QUESTIONS.npy [--threads 1] [--kinds hnsw,ivfpq]

QUESTIONS.npy: `lyceum embed MODEL --input questions.txt --output QUESTIONS.npy --dtype ...`, of the same model and number format as the
index. The same parameters as `lyceum index --ann`: HNSW with 32 links and efConstruction 128; 4 sqrt(n) lists of 48 bytes, trained on
at most 262,144 vectors; the best candidates of IVF-PQ are scored exactly, as ours are. One question at a time.
"""
import argparse
import json
import resource
import sqlite3
import time

import faiss
import numpy as np


def vectors_of(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    count = connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
    width = int(connection.execute("SELECT value FROM meta WHERE key = 'width'").fetchone()[0])
    vectors = np.empty((count, width), np.float32)
    for row, (blob,) in enumerate(connection.execute("SELECT vector FROM chunks ORDER BY id")):
        vectors[row] = np.frombuffer(blob, np.float32)
    return vectors


def exact_best(vectors, questions, top):
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    return flat.search(questions, top)


def timed(questions, ask):
    found, times = [], []
    for question in questions:
        begin = time.perf_counter()
        found.append(ask(question[None]))
        times.append(1000 * (time.perf_counter() - begin))
    return found, float(np.median(times)), float(np.percentile(times, 99))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--kinds", default="hnsw,ivfpq")
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    vectors, questions = vectors_of(args.index), np.load(args.questions)
    count, width = vectors.shape
    scores, _ = exact_best(vectors, questions, 10)
    worst = scores[:, -1]  # a hit is a passage with at least the tenth score: equal texts have equal vectors

    def recall(found):
        return float(np.mean([min(10, sum(vectors[i] @ q >= w - 1e-6 for i in ids)) for ids, q, w in zip(found, questions, worst)]) / 10)

    def report(kind, effort, ask, **more):
        found, median, p99 = timed(questions, ask)
        print(json.dumps({"peer": f"faiss {faiss.__version__}", "search": kind, "effort": effort, "threads": args.threads, "passages": count,
                          "recall": round(recall(found), 4), "ms": round(median, 2), "p99_ms": round(p99, 2), **more}), flush=True)

    def peak():
        return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}

    if "hnsw" in args.kinds:
        index = faiss.IndexHNSWFlat(width, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 128
        begin = time.perf_counter()
        index.add(vectors)
        build = time.perf_counter() - begin
        for effort in (50, 100, 200, 400, 800):
            index.hnsw.efSearch = effort
            report("hnsw", effort, lambda q: index.search(q, 10)[1][0], build_s=round(build, 1), **peak())
        del index
    if "ivfpq" in args.kinds:
        lists = int(4 * count**0.5)
        quantizer = faiss.IndexFlatIP(width)
        index = faiss.IndexIVFPQ(quantizer, width, lists, width // 8, 8, faiss.METRIC_INNER_PRODUCT)
        index.cp.spherical, index.cp.niter = True, 16
        training = min(count, 1 << 18, lists * 256)
        begin = time.perf_counter()
        index.train(vectors[np.arange(training) * count // training])
        index.add(vectors)
        build = time.perf_counter() - begin

        def ask(question, effort):
            ids = index.search(question, effort)[1][0]
            ids = ids[ids >= 0]
            return ids[np.argsort(-(vectors[ids] @ question[0]), kind="stable")[:10]]

        for effort in (50, 100, 200, 400, 800):
            index.nprobe = max(1, effort // 4)
            report("ivfpq", effort, lambda q: ask(q, effort), build_s=round(build, 1), **peak())


if __name__ == "__main__":
    main()
