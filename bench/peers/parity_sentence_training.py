#!/usr/bin/env python3
"""Trains a small random bi-encoder (BERT, mean pooling, a dense layer) with `lyceum train` and with the losses of sentence-transformers under PyTorch's
AdamW, from the same weights and batches, and compares every step's loss and gradient norm; then the vectors of the folder that lyceum wrote, read by
sentence-transformers, with those of `lyceum embed`; and the scores of a cross-encoder in the same way.

usage: parity_sentence_training.py LYCEUM [--steps 20] [--keep FOLDER] [--only NAME]
Dropout is off. Tolerance: the loss 1e-4 relative, the gradient norm 1e-3; vectors and scores 1e-4.
needs: torch, transformers, sentence-transformers
"""
import argparse, json, pathlib, random, subprocess, sys, tempfile, warnings

warnings.simplefilter("ignore")
import torch
import transformers as tf
from safetensors.torch import load_file
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.sentence_transformer import losses as L
from sentence_transformers.sentence_transformer.losses.batch_hard_triplet import BatchHardTripletLossDistanceFunction as H
from sentence_transformers.sentence_transformer.losses.contrastive import SiameseDistanceMetric as S
from sentence_transformers.sentence_transformer.losses.triplet import TripletDistanceMetric as T
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.util import batch_to_device, dot_score

tf.logging.set_verbosity_error()
p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("lyceum"), p.add_argument("--steps", type=int, default=20), p.add_argument("--keep"), p.add_argument("--only")
a = p.parse_args()
folder = pathlib.Path(a.keep or tempfile.mkdtemp())
torch.set_num_threads(2)
V, B, D, RATE, DECAY = 97, 6, 24, 1e-3, 0.01
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(V - 5)]
g = random.Random(4)
text = lambda: " ".join(words[g.randrange(5, V)] for _ in range(g.randrange(2, 15)))
rows = [dict(a=text(), b=text(), c=text(), d=text(), score=g.uniform(0, 5), flag=g.randrange(2), label=f"L{g.randrange(3)}", margins=[g.uniform(-1, 1) for _ in range(2)],
             teacher=[g.uniform(-1, 1) for _ in range(D)]) for _ in range(B * a.steps)]
data = folder / "rows.jsonl"
data.write_text("".join(json.dumps(r) + "\n" for r in rows))


def encoder(where, cls=tf.BertModel, **more):
    torch.manual_seed(3)
    where.mkdir(parents=True, exist_ok=True)
    cls(tf.BertConfig(vocab_size=V, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=120, max_position_embeddings=64, **more)).save_pretrained(where)
    (where / "vocab.txt").write_text("\n".join(words) + "\n")
    (where / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 64}))


encoder(folder / "encoder")
start = folder / "start"
torch.manual_seed(5)
SentenceTransformer(modules=[Transformer(str(folder / "encoder")), Pooling(48), Dense(48, D)], prompts={"query": "w5 w6"}, similarity_fn_name="dot").save(str(start))


def train_ours(name, sections, more=()):
    recipe = {"model": {"from": str(start), "dropout": 0.0}, "data": {"train": [str(data)], "shuffle": False},
              "train": {"steps": a.steps, "batch_sequences": B, "learning_rate": RATE, "weight_decay": DECAY, "group_by_length": False},
              "output": {"directory": str(folder / name), "save_every": 0}}
    for section, values in sections.items(): recipe.setdefault(section, {}).update(values)
    path = folder / f"{name}.toml"
    path.write_text("".join(f"[{s}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()) for s, values in recipe.items()))
    subprocess.run([a.lyceum, "train", str(path), "--quiet", "--restart", *more], check=True)
    rows = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    return [(r["loss_nats"], r["gradient_norm"]) for r in rows if "gradient_norm" in r]


def train_theirs(loss, texts, labels):
    model = loss.model
    loss.eval()
    named = [q for q in loss.parameters() if q.requires_grad]
    o = torch.optim.AdamW([{"params": [q for q in named if q.dim() >= 2], "weight_decay": DECAY}, {"params": [q for q in named if q.dim() < 2], "weight_decay": 0.0}], lr=RATE)
    out = []
    for i in range(0, len(rows), B):
        batch = rows[i:i + B]
        o.zero_grad()
        value = loss([model.preprocess([r[t] for r in batch]) for t in texts], None if labels is None else torch.tensor([labels(r) for r in batch]))
        value.backward()
        norm = torch.nn.utils.clip_grad_norm_([q for q in named if q.grad is not None], float("inf"))
        o.step()
        out.append((value.item(), norm.item()))
    return out


def first_classifier(name, sections):
    """What ours begins with: a step of rate 0 leaves it in a checkpoint."""
    train_ours(name, sections, ["train.steps=1", "train.learning_rate=0"])
    tensors = load_file(folder / name / "checkpoints" / "step-00000001.safetensors")
    return {k: tensors[f"model.objective.classifier.{k}"] for k in ("weight", "bias")}


score01, flag, label = lambda r: r["score"] / 5, lambda r: r["flag"], lambda r: int(r["label"][1:])
pairs = lambda loss, **more: {"objective": dict(kind="pairs", loss=loss, **more)}
triplets = lambda loss, **more: {"objective": dict(kind="triplets", loss=loss, **more)}
C = ["L0", "L1", "L2"]
# name: (ours, their loss of a model, the texts, the label field, the label of a row)
cases = {
    "softmax": (pairs("softmax"), lambda m: L.SoftmaxLoss(m, D, 3), "ab", "label", label),
    "softmax-all": (pairs("softmax", product=True), lambda m: L.SoftmaxLoss(m, D, 3, concatenation_sent_multiplication=True), "ab", "label", label),
    "cosine": (pairs("cosine", score_range=[0, 5]), L.CosineSimilarityLoss, "ab", "score", score01),
    "cosent": (pairs("cosent", score_range=[0, 5]), L.CoSENTLoss, "ab", "score", score01),
    "contrastive": (pairs("contrastive"), L.ContrastiveLoss, "ab", "flag", flag),
    "contrastive-euclidean": (pairs("contrastive", distance="euclidean", margin=2.0), lambda m: L.ContrastiveLoss(m, S.EUCLIDEAN, 2.0), "ab", "flag", flag),
    "online-contrastive": (pairs("online_contrastive"), L.OnlineContrastiveLoss, "ab", "flag", flag),
    "multiple-negatives": (pairs("multiple_negatives"), L.MultipleNegativesRankingLoss, "ab", None, None),
    "multiple-negatives-hard": (triplets("multiple_negatives"), L.MultipleNegativesRankingLoss, "abcd", None, None),
    "multiple-negatives-symmetric": (pairs("multiple_negatives", symmetric=True), lambda m: L.MultipleNegativesRankingLoss(m, directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction"), "ab", None, None),
    "multiple-negatives-dot": (pairs("multiple_negatives", similarity="dot", scale=1.0), lambda m: L.MultipleNegativesRankingLoss(m, scale=1.0, similarity_fct=dot_score), "ab", None, None),
    "multiple-negatives-cached": (pairs("multiple_negatives") | {"train": {"part_tokens": 40}}, L.MultipleNegativesRankingLoss, "ab", None, None),
    "triplet": (triplets("triplet"), L.TripletLoss, "abc", None, None),
    "triplet-cosine": (triplets("triplet", distance="cosine", margin=0.5), lambda m: L.TripletLoss(m, T.COSINE, 0.5), "abc", None, None),
    "triplet-manhattan": (triplets("triplet", distance="manhattan"), lambda m: L.TripletLoss(m, T.MANHATTAN), "abc", None, None),
    "margin-mse": (triplets("margin_mse"), L.MarginMSELoss, "abcd", "margins", lambda r: r["margins"]),
    "mse": (pairs("mse"), L.MSELoss, "ab", "teacher", lambda r: r["teacher"]),
    "batch-hard-triplet": (triplets("batch_hard_triplet"), L.BatchHardTripletLoss, "a", "label", label),
    "cosine-matryoshka": (pairs("cosine", score_range=[0, 5], matryoshka=[24, 12, 6], matryoshka_weights=[1.0, 0.5, 2.0]), lambda m: L.MatryoshkaLoss(m, L.CosineSimilarityLoss(m), [24, 12, 6], [1, 0.5, 2]), "ab", "score", score01),
    "multiple-negatives-matryoshka": (pairs("multiple_negatives", matryoshka=[24, 8]), lambda m: L.MatryoshkaLoss(m, L.MultipleNegativesRankingLoss(m), [24, 8]), "ab", None, None),
}
wrong = runs = 0
for name, (sections, make, texts, field, labels) in cases.items():
    if a.only and a.only != name: continue
    runs += 1
    sections["data"] = {"texts": list(texts)} | ({"label": field} if field else {}) | ({"labels": C} if field == "label" else {})
    torch.manual_seed(0)
    loss = make(SentenceTransformer(str(start), device="cpu"))
    if not hasattr(loss, "model"): loss.model = loss.sentence_embedder
    if hasattr(loss, "classifier"): loss.classifier.load_state_dict(first_classifier(name, sections))
    theirs, ours = train_theirs(loss, texts, labels), train_ours(name, sections)
    assert len(ours) == len(theirs) == a.steps, (name, len(ours), len(theirs))
    off = [(abs(x - y) / max(abs(y), 1e-3), abs(gx - gy) / max(abs(gy), 1e-3)) for (x, gx), (y, gy) in zip(ours, theirs)]
    saved = SentenceTransformer(str(folder / name / "model"), device="cpu")
    some = [r[t] for r in rows[:10] for t in "ab"]
    mine = subprocess.run([a.lyceum, "embed", str(folder / name / "model"), *some, "--json"], capture_output=True, text=True, check=True).stdout
    apart = (saved.encode(some, convert_to_tensor=True) - torch.tensor([json.loads(line)["embedding"] for line in mine.splitlines()])).abs().max().item()
    trained = (saved.encode(some, convert_to_tensor=True) - loss.model.encode(some, convert_to_tensor=True)).abs().max().item()
    kept = saved.prompts.get("query") == "w5 w6" and saved.similarity_fn_name == "dot" and saved.max_seq_length == 64
    is_wrong = max(o[0] for o in off) > 1e-4 or max(o[1] for o in off) > 1e-3 or apart > 1e-4 or not kept
    wrong += is_wrong
    print(f"{name}: loss {theirs[0][0]:.4f} -> {theirs[-1][0]:.4f}; worst relative difference: loss {max(o[0] for o in off):.1e}, norm {max(o[1] for o in off):.1e}; "
          f"vectors of the folder {apart:.1e}, of the two trainings {trained:.1e}{'' if kept else '; prompts, similarity or length lost'}{' WRONG' if is_wrong else ''}")

for loss in ("bce", "mse"):  # cross-encoders
    if a.only and a.only != f"cross-encoder-{loss}": continue
    runs += 1
    name, where = f"cross-encoder-{loss}", folder / "pair-encoder"
    encoder(where, tf.BertForSequenceClassification, num_labels=1)
    ours = train_ours(name, {"model": {"from": str(where)}, "data": {"text": "a", "second_text": "b", "label": "score"},
                             "objective": {"kind": "regression", "loss": loss, "score_range": [0, 5]}})
    model, fct = CrossEncoder(str(where), device="cpu"), torch.nn.BCEWithLogitsLoss() if loss == "bce" else torch.nn.MSELoss()
    model.eval()
    named = list(model.parameters())
    o = torch.optim.AdamW([{"params": [q for q in named if q.dim() >= 2], "weight_decay": DECAY}, {"params": [q for q in named if q.dim() < 2], "weight_decay": 0.0}], lr=RATE)
    worst = 0
    for step, i in enumerate(range(0, len(rows), B)):
        o.zero_grad()
        value = fct(model(model.preprocess([(r["a"], r["b"]) for r in rows[i:i + B]]))["scores"].view(-1), torch.tensor([score01(r) for r in rows[i:i + B]]))
        value.backward(), o.step()
        worst = max(worst, abs(ours[step][0] - value.item()) / abs(value.item()))
    saved = CrossEncoder(str(folder / name / "model"), device="cpu")
    passages = folder / "passages.txt"
    passages.write_text("".join(r["b"] + "\n" for r in rows[:10]))
    mine = subprocess.run([a.lyceum, "rerank", str(folder / name / "model"), rows[0]["a"], str(passages), "--json"], capture_output=True, text=True, check=True).stdout
    mine = {r["index"]: r["score"] for r in map(json.loads, mine.splitlines())}
    apart = max(abs(float(s) - mine[i]) for i, s in enumerate(saved.predict([(rows[0]["a"], r["b"]) for r in rows[:10]])))
    is_wrong = worst > 1e-4 or apart > 1e-4
    wrong += is_wrong
    print(f"{name}: worst relative difference: loss {worst:.1e}; scores of the folder ({type(saved.activation_fn).__name__}) {apart:.1e}{' WRONG' if is_wrong else ''}")
print(f"{runs} runs, {wrong} wrong")
sys.exit(1 if wrong else 0)
