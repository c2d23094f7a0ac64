#!/usr/bin/env python3
"""The figures of `lyceum eval`, computed by sentence-transformers and scikit-learn: one JSON object a line, in the same form.
The form of a task is told from its files, as lyceum does it.

  similarity      EmbeddingSimilarityEvaluator, all four similarity functions
  retrieval       InformationRetrievalEvaluator (its ndcg@10 ignores grades: printed as binary_ndcg@10); with pytrec_eval installed
                  also ndcg@10 as trec_eval computes it, otherwise the same sum in NumPy
  classification  KNeighborsClassifier(5, cosine) and LogisticRegression(solver="liblinear"), one class against the rest
  pairs           BinaryClassificationEvaluator (MTEB's PairClassificationEvaluator), all four similarity functions
  reranking       RerankingEvaluator
  clustering      MiniBatchKMeans(labels, batch_size=500) and v_measure_score, as MTEB's ClusteringEvaluator; the mean over --repeats seeds

usage: eval_st.py MODEL --data DIR --tasks stsb,cranfield,banking77 [--split test] [--form clustering] [--compare OURS.jsonl]
       --compare prints a table (Markdown) of OURS, the output of `lyceum eval MODEL --json`, beside theirs instead
needs: sentence-transformers, scikit-learn, the program zstd for .zst files
"""
import argparse, gzip, json, pathlib, subprocess, sys
import numpy as np

SUFFIXES = ("", ".zst", ".gz")


def lines(path):
    text = (subprocess.run(["zstd", "-dcq", "--long=27", path], check=True, capture_output=True).stdout if path.suffix == ".zst"
            else gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    return [line for line in text.decode().split("\n") if line.strip()]


def find(folder, name):
    return next((p for s in SUFFIXES if (p := folder / (name + s)).exists()), None)


def records(folder, name):
    return [json.loads(line) for line in lines(find(folder, name))]


def titled(r):
    return r["title"] + " " + r["text"] if r.get("title") else r["text"]


def similarity(model, rows):
    from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
    scores = [r["score"] if "score" in r else r["relatedness"] for r in rows]
    found = EmbeddingSimilarityEvaluator([r["sentence1"] for r in rows], [r["sentence2"] for r in rows], scores, write_csv=False,
                                         similarity_fn_names=["cosine", "dot", "manhattan", "euclidean"])(model)
    for name in ("cosine", "dot", "manhattan", "euclidean"):
        for metric in ("pearson", "spearman"):
            yield metric + ("" if name == "cosine" else "_" + name), found[f"{metric}_{name}"], len(rows)


def retrieval(model, folder):
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
    ident = lambda r: str(r["id"] if "id" in r else r["_id"])
    corpus = {ident(r): titled(r) for r in records(folder, "corpus.jsonl")}
    queries = {ident(r): r["text"] for r in records(folder, "queries.jsonl")}
    grades = {}
    for line in lines(find(folder, "qrels.tsv") or find(folder / "qrels", "test.tsv")):
        query, document, grade = line.split("\t")
        if query in queries and grade.lstrip("-").isdigit(): grades.setdefault(query, {})[document] = int(grade)
    relevant = {q: {d for d, g in ds.items() if g > 0} for q, ds in grades.items()}
    relevant = {q: ds for q, ds in relevant.items() if ds}

    class Evaluator(InformationRetrievalEvaluator):
        def compute_metrics(self, results):
            self.rankings = {q: [h["corpus_id"] for h in sorted(hits, key=lambda h: (-h["score"], h["corpus_id"]))] for q, hits in zip(self.queries_ids, results)}
            return super().compute_metrics(results)

    evaluator = Evaluator(queries, corpus, relevant, precision_recall_at_k=[10, 100], write_csv=False)
    found = evaluator(model)
    try:
        import pytrec_eval
        # the ranking as scores: trec_eval would otherwise break ties its own way
        run = {q: {d: float(-i) for i, d in enumerate(ds)} for q, ds in evaluator.rankings.items()}
        judge = pytrec_eval.RelevanceEvaluator({q: grades[q] for q in relevant}, {"ndcg_cut.10"})
        graded = np.mean([r["ndcg_cut_10"] for r in judge.evaluate(run).values()])
    except ImportError:
        dcg = lambda gains: sum(g / np.log2(i + 2) for i, g in enumerate(gains[:10]))
        graded = np.mean([dcg([max(0, grades[q].get(d, 0)) for d in evaluator.rankings[q]]) / dcg(sorted((g for g in grades[q].values() if g > 0), reverse=True)) for q in relevant])
    yield "ndcg@10", graded, len(relevant)
    for metric in ("mrr@10", "recall@10", "recall@100", "map@100"): yield metric, found["cosine_" + metric], len(relevant)
    if any(g > 1 for ds in grades.values() for g in ds.values()): yield "binary_ndcg@10", found["cosine_ndcg@10"], len(relevant)


def classification(model, folder, split):
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.neighbors import KNeighborsClassifier
    label = lambda r: str(r["label"] if "label" in r else r["intent"])
    train, test = records(folder, "train.jsonl"), records(folder, split + ".jsonl")
    x, y = model.encode([titled(r) for r in train]), [label(r) for r in train]
    u, v = model.encode([titled(r) for r in test]), np.array([label(r) for r in test])
    for name, classifier in (("knn_accuracy", KNeighborsClassifier(5, metric="cosine", algorithm="brute")),
                             ("probe_accuracy", OneVsRestClassifier(LogisticRegression(solver="liblinear", C=1.0)))):
        yield name, np.mean(classifier.fit(x, y).predict(u) == v), len(test)
        if name == "knn_accuracy":  # ties: scikit-learn takes the first class in order, lyceum the larger sum of similarities
            distances, places = classifier.kneighbors(u)
            sums = [{} for _ in places]
            for votes, ds, ps in zip(sums, distances, places):
                for d, p in zip(ds, ps): votes[y[p]] = votes.get(y[p], np.zeros(2)) + (1, 1 - d)
            ties = sum(sorted((n for n, _ in votes.values()), reverse=True)[:2].count(max(n for n, _ in votes.values())) > 1 for votes in sums)
            right = sum(max(sorted(votes), key=lambda c: tuple(votes[c])) == want for votes, want in zip(sums, v))
            print(f"{folder.name}: {ties} of {len(test)} votes are tied; {right / len(test):.5f} with ties broken by the sum of similarities", file=sys.stderr)


def pairs(model, rows):
    from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator
    names = ("cosine", "dot", "euclidean", "manhattan")
    found = BinaryClassificationEvaluator([r["sentence1"] for r in rows], [r["sentence2"] for r in rows], [int(r["label"]) for r in rows],
                                          write_csv=False, similarity_fn_names=list(names))(model)
    for name in names:
        for metric in ("ap", "accuracy", "accuracy_threshold", "f1", "f1_threshold", "precision", "recall"):
            yield f"{name}_{metric}", found[f"{name}_{metric}"], len(rows)
    for metric in ("ap", "accuracy", "f1"): yield "max_" + metric, max(found[f"{name}_{metric}"] for name in names), len(rows)


def reranking(model, rows):
    from sentence_transformers.sentence_transformer.evaluation import RerankingEvaluator
    samples = {}
    for r in rows:
        query = r["query"] if "query" in r else r["question"]
        sample = samples.setdefault(query, {"query": query, "positive": [], "negative": []})
        if "positive" in r:
            for kind in ("positive", "negative"): sample[kind] += r[kind]
        else: sample["positive" if r["label"] else "negative"].append(r["sentence"] if "sentence" in r else r["passage"])
    evaluator = RerankingEvaluator(samples, at_k=10, write_csv=False)
    found = evaluator(model)
    for metric in ("map", "mrr@10"): yield metric, found[metric], len(evaluator.samples)


def clustering(model, rows, repeats):
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.metrics import v_measure_score
    labels = [str(r["label"] if "label" in r else r["intent"]) for r in rows]
    vectors = model.encode([titled(r) for r in rows])
    found = [v_measure_score(labels, MiniBatchKMeans(n_clusters=len(set(labels)), batch_size=500, random_state=seed).fit(vectors).labels_) for seed in range(repeats)]
    yield "v_measure", np.mean(found), len(rows)
    yield "v_measure_std", np.std(found), len(rows)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model"); p.add_argument("--data", type=pathlib.Path, required=True); p.add_argument("--tasks", required=True)
    p.add_argument("--split", default="test"); p.add_argument("--compare", type=pathlib.Path)
    p.add_argument("--form", choices=("classification", "clustering")); p.add_argument("--repeats", type=int, default=10)
    o = p.parse_args()
    ours = {}
    if o.compare:
        for line in o.compare.read_text().splitlines(): r = json.loads(line); ours[r["task"], r["metric"]] = r
        print("| task | metric | lyceum | sentence-transformers | difference | examples |\n| --- | --- | ---: | ---: | ---: | ---: |")
    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(o.model, device="cpu")
    for task in o.tasks.split(","):
        folder = next(iter(sorted(d for d in o.data.rglob(task) if d.is_dir())), None) or sys.exit(f"no folder {task}")
        if find(folder, "corpus.jsonl"): found = retrieval(model, folder)
        else:
            rows = records(folder, o.split + ".jsonl")
            first = rows[0]
            if "sentence1" in first: found = pairs(model, rows) if "label" in first and "score" not in first and "relatedness" not in first else similarity(model, rows)
            elif "sentence" in first or "passage" in first or "positive" in first: found = reranking(model, rows)
            else:
                found = []
                if o.form != "clustering" and find(folder, "train.jsonl"): found += classification(model, folder, o.split)
                if o.form != "classification": found += clustering(model, rows, o.repeats)
        for metric, value, examples in found:
            if o.compare:
                mine = ours[task, metric]
                print(f"| {task} | {metric} | {mine['value']:.5f} | {value:.5f} | {mine['value'] - value:+.5f} | {mine['examples']} / {examples} |", flush=True)
            else: print(json.dumps({"task": task, "split": o.split, "metric": metric, "value": float(value), "examples": examples}), flush=True)


if __name__ == "__main__": main()
