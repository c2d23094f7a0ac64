#!/usr/bin/env python3
"""`lyceum cluster` and `lyceum mine` beside sentence-transformers' community_detection, paraphrase_mining_embeddings and semantic_search.

The functions get the vectors of `lyceum embed` (then every community and every pair is the same one), and with --both also those of
sentence-transformers (then a score that lies within rounding of a threshold or a rank may fall on its other side: what differs is counted).

usage: parity_collections.py LYCEUM MODEL TEXTS [--threshold 0.75,0.6] [--min-size 10,3] [--top 1,100] [--threads 2] [--both]
       TEXTS: a file with one text a line, none of them empty
needs: sentence-transformers
"""
import argparse, json, os, pathlib, re, subprocess, sys, tempfile, time

SCORE = 2e-6  # cosines in f32 of some hundred values, summed in another order


def run(command):
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    compared = re.search(r"compared .* in ([0-9.]+) s", done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()], time.perf_counter() - start, float(compared[1]) if compared else None


def timed(work):
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def differing_communities(ours, theirs):
    """Communities whose members, or the scores in whose order they stand, are not the same."""
    same = [set(a) == set(b) and a[0] == b[0] for a, b in zip(ours, theirs)]
    return len(ours) + len(theirs) - 2 * len(same) + same.count(False)


def differing_pairs(ours, theirs):
    """Pairs that one side has alone or with another score, and places at which scores do not fall."""
    a, b = ({(p[1], p[2]): p[0] for p in pairs} for pairs in (ours, theirs))
    return len(a.keys() ^ b.keys()) + sum(abs(a[k] - b[k]) > SCORE for k in a.keys() & b.keys()) + sum(x[0] < y[0] for x, y in zip(ours, ours[1:])) + (len(ours) - len(a))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("lyceum"); p.add_argument("model"); p.add_argument("texts", type=pathlib.Path)
    p.add_argument("--threshold", default="0.75,0.6"); p.add_argument("--min-size", default="10,3"); p.add_argument("--top", default="1,100")
    p.add_argument("--threads", default="2"); p.add_argument("--both", action="store_true")
    o = p.parse_args()
    os.environ["OMP_NUM_THREADS"] = o.threads
    import numpy as np, torch
    from sentence_transformers import SentenceTransformer, util
    torch.set_num_threads(int(o.threads))
    texts = o.texts.read_text().splitlines()
    tail = ["--input", str(o.texts), "--json", "--verbose", "--threads", o.threads]
    with tempfile.TemporaryDirectory() as folder:
        vectors = pathlib.Path(folder) / "v.npy"
        _, embedding, _ = run([o.lyceum, "embed", o.model, *tail, "--output", str(vectors)])
        sources = {"lyceum's vectors": torch.tensor(np.load(vectors))}
    print(f"{len(texts)} texts; lyceum embeds them in {embedding:.1f} s")
    if o.both:
        model = SentenceTransformer(o.model, device="cpu")
        sources["its own vectors"], seconds = timed(lambda: model.encode(texts, convert_to_tensor=True))
        print(f"sentence-transformers embeds them in {seconds:.1f} s")
    failed = False
    print("| | lyceum, whole command | comparing alone | sentence-transformers, comparing alone | found | differing |\n| --- | ---: | ---: | ---: | ---: | ---: |")

    def report(what, source, whole, ours, theirs, count, differing):
        nonlocal failed
        failed |= differing > 0 and source == "lyceum's vectors"
        print(f"| {what}, {source} | {whole:.2f} s | {ours:.2f} s | {theirs:.2f} s | {count} | {differing} |", flush=True)

    for threshold in o.threshold.split(","):
        for least in o.min_size.split(","):
            found, whole, comparing = run([o.lyceum, "cluster", o.model, *tail, "--threshold", threshold, "--min-size", least, "--summary"])
            ours = [c["members"] for c in found]
            for source, v in sources.items():
                theirs, seconds = timed(lambda: util.community_detection(v, threshold=float(threshold), min_community_size=int(least)))
                report(f"communities, {threshold}, {least}", source, whole, comparing, seconds, len(ours), differing_communities(ours, theirs))
    for top in o.top.split(","):
        found, whole, comparing = run([o.lyceum, "mine", o.model, *tail, "--top", top])
        ours = [(r["score"], r["first"], r["second"]) for r in found]
        for source, v in sources.items():
            theirs, seconds = timed(lambda: util.paraphrase_mining_embeddings(v, top_k=int(top)))
            # theirs counts a pair twice towards the most that are kept
            report(f"pairs, top {top}", source, whole, comparing, seconds, len(ours), differing_pairs(ours, theirs) if len(theirs) < 200000 else differing_pairs(ours[:len(theirs)], theirs))
    half = len(texts) // 2
    with tempfile.TemporaryDirectory() as folder:
        parts = [pathlib.Path(folder) / name for name in ("first.txt", "second.txt")]
        for path, part in zip(parts, (texts[:half], texts[half:])): path.write_text("\n".join(part) + "\n")
        found, whole, comparing = run([o.lyceum, "mine", o.model, "--input", str(parts[0]), "--with", str(parts[1]), *tail[2:], "--top", "5"])
    for source, v in sources.items():
        hits, seconds = timed(lambda: util.semantic_search(v[:half], v[half:], top_k=5))
        theirs = [(h["score"], q, h["corpus_id"]) for q, found_for in enumerate(hits) for h in found_for]
        report("two lists, top 5", source, whole, comparing, seconds, len(found), differing_pairs([(r["score"], r["first"], r["second"]) for r in found], theirs))
    sys.exit(failed)


if __name__ == "__main__": main()
