#!/usr/bin/env python3
"""Trains small random models with `lyceum train` and with PyTorch's AdamW from the same weights and batches, and compares every step's loss and gradient norm.

usage: parity_training.py LYCEUM [--steps 100] [--keep FOLDER]
Dropout is off. Tolerance, relative: the loss 1e-4 up to step 10 and 1e-3 up to step 100; gradient norms ten times that.
needs: torch, transformers
"""
import argparse, json, os, pathlib, random, subprocess, sys, tempfile

import torch
import transformers as tf

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("lyceum"), p.add_argument("--steps", type=int, default=100), p.add_argument("--keep")
a = p.parse_args()
folder = pathlib.Path(a.keep or tempfile.mkdtemp())
torch.set_num_threads(2)
V, T, B = 97, 24, 6
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(V - 5)]


def tokenizer_files(where):
    where.mkdir(parents=True, exist_ok=True)
    (where / "vocab.txt").write_text("\n".join(words) + "\n")
    (where / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True}))


def bert_config(**more):
    return dict(vocab_size=V, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=120, max_position_embeddings=64, **more)


def groups(model, decay):
    named = list(model.named_parameters())
    return [{"params": [q for _, q in named if q.dim() >= 2], "weight_decay": decay}, {"params": [q for _, q in named if q.dim() < 2], "weight_decay": 0.0}]


def train_torch(model, batches, loss_of, rate, decay, clip, optimizer=torch.optim.AdamW):
    model.eval()
    o = optimizer(groups(model, decay), lr=rate)
    out = []
    for batch in batches:
        o.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip if clip > 0 else float("inf"))
        o.step()
        out.append((loss.item(), norm.item()))
    return out


def train_ours(name, recipe):
    path = folder / f"{name}.toml"
    path.write_text(recipe)
    subprocess.run([a.lyceum, "train", str(path), "--quiet", "--restart"], check=True)
    rows = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    return [(r["loss_nats"], r["gradient_norm"]) for r in rows if "loss_nats" in r]


def recipe(name, model, data, kind, more="", rate=1e-3, decay=0.01, clip=0.0, data_more="", objective=""):
    return f"""[model]
from = "{model}"
dropout = 0.0
[data]
train = ["{data}"]
shuffle = false
{data_more}
[objective]
kind = "{kind}"
{objective}
[train]
steps = {a.steps}
batch_sequences = {B}
learning_rate = {rate}
weight_decay = {decay}
clip_norm = {clip}
{more}
[output]
directory = "{folder / name}"
save_every = 0
"""


def cycled(rows):
    """a.steps batches of B, epoch after epoch; what does not fill one is dropped."""
    per_epoch = [rows[i:i + B] for i in range(0, len(rows) - len(rows) % B, B)]
    return [per_epoch[i % len(per_epoch)] for i in range(a.steps)]


def causal(name, clip, accumulate=1):
    torch.manual_seed(1)
    model = tf.GPT2LMHeadModel(tf.GPT2Config(vocab_size=256, n_positions=64, n_embd=48, n_layer=3, n_head=4))
    where = folder / (name + "-model")
    model.save_pretrained(where)
    g = random.Random(2)
    text = bytes(g.choice(b"abcdefgh \n") for _ in range(B * T * 40 + 7))
    (folder / "text.txt").write_bytes(text)
    ids = torch.tensor(list(text))
    blocks = [(ids[i:i + T], ids[i + 1:i + T + 1]) for i in range(0, len(ids) - T, T)]
    def loss_of(m, batch):
        x, y = torch.stack([b[0] for b in batch]), torch.stack([b[1] for b in batch])
        return torch.nn.functional.cross_entropy(m(x).logits.reshape(-1, 256), y.reshape(-1))
    theirs = train_torch(model, cycled(blocks), loss_of, 1e-3, 0.01, clip)
    text = recipe(name, where, folder / "text.txt", "causal_lm", f"context_tokens = {T}", clip=clip)
    if accumulate > 1:
        text = text.replace(f"batch_sequences = {B}", f"batch_sequences = {B // accumulate}\naccumulate = {accumulate}")
    ours = train_ours(name, text.replace('dropout = 0.0', 'tokenizer = "bytes"\ndropout = 0.0'))
    return ours, theirs


def masked(name):
    torch.manual_seed(3)
    model = tf.BertForMaskedLM(tf.BertConfig(**bert_config()))
    where = folder / (name + "-model")
    model.save_pretrained(where), tokenizer_files(where)
    g = random.Random(4)
    rows = []
    for _ in range(B * 13 + 2):
        ids = [2] + [g.randrange(5, V) for _ in range(g.randrange(3, T - 2))] + [3]
        labels = [-100] * len(ids)
        for i in g.sample(range(1, len(ids) - 1), max(1, len(ids) // 6)):
            labels[i], ids[i] = ids[i], 4
        rows.append((ids, labels))
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps({"input_ids": x, "labels": y}) + "\n" for x, y in rows))
    def loss_of(m, batch):
        n = max(len(x) for x, _ in batch)
        pad = lambda v, f: torch.tensor([r + [f] * (n - len(r)) for r in v])
        return m(input_ids=pad([x for x, _ in batch], 0), attention_mask=pad([[1] * len(x) for x, _ in batch], 0), labels=pad([y for _, y in batch], -100)).loss
    theirs = train_torch(model, cycled(rows), loss_of, 1e-3, 0.01, 0)
    ours = train_ours(name, recipe(name, where, data, "masked_lm", more=f"context_tokens = {T}", objective='blocks = "records"'))
    return ours, theirs


def classified(name, cls, config, labels, problem, kind):
    torch.manual_seed(5)
    model = cls(config)
    where = folder / (name + "-model")
    model.save_pretrained(where), tokenizer_files(where)
    g = random.Random(6)
    rows = []
    for _ in range(B * 11 + 3):
        text = [g.randrange(5, V) for _ in range(g.randrange(1, T - 2))]
        label = g.randrange(labels) if problem == "class" else [float(g.randrange(2)) for _ in range(labels)] if problem == "labels" else g.uniform(-1, 1)
        rows.append((text, label))
    written = lambda y: f"L{y}" if problem == "class" else [f"L{i}" for i, v in enumerate(y) if v] if problem == "labels" else y
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps({"text": " ".join(words[i] for i in x), "label": written(y)}) + "\n" for x, y in rows))
    first, last = (0, 2) if config.model_type == "roberta" else (2, 3)
    def loss_of(m, batch):
        n = max(len(x) for x, _ in batch) + 2
        pad = lambda v, f: torch.tensor([r + [f] * (n - len(r)) for r in v])
        y = torch.tensor([y for _, y in batch])
        return m(input_ids=pad([[2] + x + [3] for x, _ in batch], 0), attention_mask=pad([[1] * (len(x) + 2) for x, _ in batch], 0), labels=y if problem == "class" else y.float()).loss
    theirs = train_torch(model, cycled(rows), loss_of, 1e-3, 0.01, 1.0)
    names = "" if problem == "number" else "labels = [" + ", ".join(f'"L{i}"' for i in range(labels)) + "]"
    ours = train_ours(name, recipe(name, where, data, kind, data_more=names, clip=1.0))
    return ours, theirs


cases = {
    "causal": lambda: causal("causal", 0.0),
    "causal-clipped": lambda: causal("causal-clipped", 0.5),
    "causal-accumulated": lambda: causal("causal-accumulated", 1.0, accumulate=3),
    "masked": lambda: masked("masked"),
    "bert-class": lambda: classified("bert-class", tf.BertForSequenceClassification, tf.BertConfig(**bert_config(num_labels=3, problem_type="single_label_classification")), 3, "class", "classification"),
    "bert-labels": lambda: classified("bert-labels", tf.BertForSequenceClassification, tf.BertConfig(**bert_config(num_labels=4, problem_type="multi_label_classification")), 4, "labels", "multi_label"),
    "bert-number": lambda: classified("bert-number", tf.BertForSequenceClassification, tf.BertConfig(**bert_config(num_labels=1, problem_type="regression")), 1, "number", "regression"),
    "distilbert-class": lambda: classified("distilbert-class", tf.DistilBertForSequenceClassification, tf.DistilBertConfig(vocab_size=V, dim=48, n_layers=2, n_heads=3, hidden_dim=100, max_position_embeddings=64, num_labels=2, problem_type="single_label_classification"), 2, "class", "classification"),
}
wrong = 0
for name, case in cases.items():
    ours, theirs = case()
    assert len(ours) == len(theirs) == a.steps, (name, len(ours), len(theirs))
    worst = {}
    for step, ((x, gx), (y, gy)) in enumerate(zip(ours, theirs), 1):
        limit = 1e-4 if step <= 10 else 1e-3
        loss, norm = abs(x - y) / abs(y), abs(gx - gy) / abs(gy)
        at = "10" if step <= 10 else str(a.steps)
        worst[at] = tuple(max(u, v) for u, v in zip(worst.get(at, (0, 0)), (loss, norm)))
        if loss > limit or norm > 10 * limit:
            wrong += 1
            print(f"{name}: step {step}: loss {x} and {y}, norm {gx} and {gy}")
            break
    print(f"{name}: loss {theirs[0][0]:.4f} -> {theirs[-1][0]:.4f}; worst relative difference " + ", ".join(f"to step {k}: loss {v[0]:.1e}, norm {v[1]:.1e}" for k, v in worst.items()))
print(f"{len(cases)} runs, {wrong} wrong")
sys.exit(1 if wrong else 0)
