#!/usr/bin/env python3
"""Reranks the lines of a file by one question, on sentence-transformers' CrossEncoder or by `lyceum rerank`: passages/s as one JSON line, for compare.py.

usage: rerank_st.py MODEL QUESTION PASSAGES [--threads N] [--repeats N] [--lyceum COMMAND [--dtype int8]]
The peer is timed after it has loaded its model and warmed up; ours is the whole process, its start and the model's loading included.
MODEL may be missing: --make FOLDER_WITH_TOKENIZER writes one there first, of MiniLM-L6's shape with random weights (speed does not depend on them).
needs: sentence-transformers
"""
import argparse, json, os, pathlib, statistics, subprocess, time

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("model"), p.add_argument("question"), p.add_argument("passages")
p.add_argument("--threads", type=int, default=os.cpu_count()), p.add_argument("--repeats", type=int, default=5)
p.add_argument("--lyceum"), p.add_argument("--dtype", default="f32"), p.add_argument("--make")
a = p.parse_args()
os.environ["OMP_NUM_THREADS"] = str(a.threads)
passages = [line for line in pathlib.Path(a.passages).read_text().split("\n") if line.strip()]

if a.make and not os.path.exists(a.model):
    import torch, transformers as tf
    torch.manual_seed(0)
    tf.BertForSequenceClassification(tf.BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, num_labels=1)).save_pretrained(a.model)
    tf.AutoTokenizer.from_pretrained(a.make).save_pretrained(a.model)

if a.lyceum:
    command = [a.lyceum, "rerank", a.model, a.question, a.passages, "--threads", str(a.threads), "--dtype", a.dtype, "--json", "--quiet"]
    run = lambda: subprocess.run(command, check=True, capture_output=True)
else:
    import torch
    from sentence_transformers import CrossEncoder
    torch.set_num_threads(a.threads)
    model = CrossEncoder(a.model, device="cpu")
    run = lambda: model.rank(a.question, passages)
run()
times = []
for _ in range(a.repeats):
    begin = time.perf_counter()
    run()
    times.append(time.perf_counter() - begin)
print(json.dumps({"case": f"{len(passages)} passages", "unit": "passages/s", "median": len(passages) / statistics.median(times), "min": len(passages) / max(times), "max": len(passages) / min(times)}))
