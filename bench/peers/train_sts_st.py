#!/usr/bin/env python3
"""Fine-tunes a bi-encoder on pairs with scores from 0 to 5 with sentence-transformers' own trainer, as recipes/sts_minilm.toml does with lyceum, and prints
the Spearman correlation on the test pairs, one line a seed.

usage: train_sts_st.py MODEL --data DIR [--epochs 2] [--batch 32] [--rate 3e-5] [--loss cosine] [--seeds 0,1,2]
needs: sentence-transformers with datasets and accelerate, the program zstd
"""
import argparse, json, pathlib, subprocess, sys, tempfile, time

from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("model"), p.add_argument("--data", required=True), p.add_argument("--epochs", type=int, default=2), p.add_argument("--batch", type=int, default=32)
p.add_argument("--rate", type=float, default=3e-5), p.add_argument("--loss", default="cosine"), p.add_argument("--seeds", default="0,1,2")
a = p.parse_args()


def rows(name):
    path = next(q for s in ("", ".zst") if (q := pathlib.Path(a.data) / (name + ".jsonl" + s)).exists())
    text = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout if path.suffix == ".zst" else path.read_bytes()
    return [json.loads(line) for line in text.decode().splitlines()]


train, test = rows("train"), rows("test")
column = lambda data, key: [r[key] for r in data]
for seed in map(int, a.seeds.split(",")):
    model = SentenceTransformer(a.model, device="cpu")
    args = SentenceTransformerTrainingArguments(output_dir=tempfile.mkdtemp(), num_train_epochs=a.epochs, per_device_train_batch_size=a.batch, learning_rate=a.rate, warmup_ratio=0.1, weight_decay=0.01,
                                                seed=seed, save_strategy="no", report_to=[], disable_tqdm=True, logging_strategy="no", use_cpu=True, dataloader_drop_last=True)
    data = Dataset.from_dict({"sentence1": column(train, "sentence1"), "sentence2": column(train, "sentence2"), "score": [r["score"] / 5 for r in train]})
    loss = {"cosine": losses.CosineSimilarityLoss, "cosent": losses.CoSENTLoss}[a.loss](model)
    begin = time.time()
    SentenceTransformerTrainer(model=model, args=args, train_dataset=data, loss=loss).train()
    seconds = time.time() - begin
    found = EmbeddingSimilarityEvaluator(column(test, "sentence1"), column(test, "sentence2"), [r["score"] / 5 for r in test], main_similarity="cosine")(model)
    print(json.dumps({"seed": seed, "spearman": round(found["spearman_cosine"], 4), "pearson": round(found["pearson_cosine"], 4), "seconds": round(seconds)}), flush=True)
