#!/usr/bin/env python3
"""Writes sentence_losses.safetensors beside this script: random vectors of texts, targets, and what the losses of
sentence-transformers make of them: the value, and the gradient with respect to the vectors (and the classifier).

usage: make_golden.py        needs: torch, sentence-transformers, safetensors. Versions and the seed go into MADE_WITH.txt.
"""
import os, torch, sentence_transformers as st
from safetensors.torch import save_file
from sentence_transformers.sentence_transformer import losses as L
from sentence_transformers.sentence_transformer.losses.contrastive import SiameseDistanceMetric as S
from sentence_transformers.sentence_transformer.losses.triplet import TripletDistanceMetric as T
from sentence_transformers.sentence_transformer.losses.batch_hard_triplet import BatchHardTripletLossDistanceFunction as H
from sentence_transformers.util import dot_score, pairwise_cos_sim

HERE, SEED, B, D, CLASSES = os.path.dirname(os.path.abspath(__file__)), 5, 6, 8, 3
torch.manual_seed(SEED)
columns = [torch.randn(B, D) for _ in range(4)]
columns[1] = columns[0] + 0.8 * columns[1]  # positives are near
scores, flags = torch.rand(B), torch.tensor([1.0, 0, 1, 1, 0, 0])
classes, margins = torch.tensor([0, 2, 1, 1, 0, 2]), torch.randn(B, 2)
teacher = torch.randn(B, D)
out = {f"column.{i}": c.clone() for i, c in enumerate(columns)}
out |= {"scores": scores, "flags": flags, "classes": classes, "margins": margins, "teacher": teacher}


class Vectors(torch.nn.Module):
    """The columns themselves, in the place of a model."""
    device, model_card_data = torch.device("cpu"), None
    def get_embedding_dimension(self): return D
    def forward(self, features): return {"sentence_embedding": features["v"].clone()}


def put(name, make, texts, labels, matryoshka=None):
    model = Vectors()
    torch.manual_seed(SEED)
    loss = make(model)
    extra = dict(loss.classifier.named_parameters()) if name.startswith("softmax") else {}
    if matryoshka: loss = L.MatryoshkaLoss(model, loss, *matryoshka)
    leaves = [columns[i].clone().requires_grad_() for i in range(texts)]
    value = loss([{"v": v} for v in leaves], labels)
    value.backward()
    out[f"{name}.loss"] = value.detach().reshape(1)
    for i, v in enumerate(leaves): out[f"{name}.grad.{i}"] = v.grad.clone()
    for key, p in extra.items(): out[f"{name}.classifier.{key}"], out[f"{name}.classifier.grad.{key}"] = p.detach().clone(), p.grad.clone()


for name, parts in {"softmax": {}, "softmax-all": dict(concatenation_sent_multiplication=True), "softmax-product": dict(concatenation_sent_rep=False, concatenation_sent_difference=False, concatenation_sent_multiplication=True)}.items():
    put(name, lambda m: L.SoftmaxLoss(m, D, CLASSES, **parts), 2, classes)
put("cosine", L.CosineSimilarityLoss, 2, scores)
put("cosent", L.CoSENTLoss, 2, scores)
for metric in S.EUCLIDEAN, S.MANHATTAN, S.COSINE_DISTANCE:
    key = {S.EUCLIDEAN: "euclidean", S.MANHATTAN: "manhattan", S.COSINE_DISTANCE: "cosine"}[metric]
    margin = {"euclidean": 4.0, "manhattan": 9.0, "cosine": 0.5}[key]
    put(f"contrastive-{key}", lambda m: L.ContrastiveLoss(m, metric, margin), 2, flags)
    put(f"online_contrastive-{key}", lambda m: L.OnlineContrastiveLoss(m, metric, margin), 2, flags)
put("multiple_negatives", L.MultipleNegativesRankingLoss, 2, None)
put("multiple_negatives-negatives", L.MultipleNegativesRankingLoss, 4, None)
put("multiple_negatives-dot", lambda m: L.MultipleNegativesRankingLoss(m, scale=1.0, similarity_fct=dot_score), 2, None)
put("multiple_negatives-symmetric", lambda m: L.MultipleNegativesRankingLoss(m, directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction"), 3, None)
for metric in T.EUCLIDEAN, T.MANHATTAN, T.COSINE:
    key = {T.EUCLIDEAN: "euclidean", T.MANHATTAN: "manhattan", T.COSINE: "cosine"}[metric]
    put(f"triplet-{key}", lambda m: L.TripletLoss(m, metric, {"euclidean": 5, "manhattan": 5, "cosine": 0.5}[key]), 3, None)
put("margin_mse", L.MarginMSELoss, 4, margins)
put("margin_mse-scores", lambda m: L.MarginMSELoss(m, pairwise_cos_sim), 3, margins)
put("mse", L.MSELoss, 2, teacher)
put("batch_hard_triplet-euclidean", L.BatchHardTripletLoss, 1, classes)
put("batch_hard_triplet-cosine", lambda m: L.BatchHardTripletLoss(m, H.cosine_distance, 0.5), 1, classes)
put("cosine-matryoshka", L.CosineSimilarityLoss, 2, scores, ([8, 4, 2], [1, 0.5, 2]))
put("mse-matryoshka", L.MSELoss, 2, teacher, ([8, 3], None))
put("multiple_negatives-matryoshka", L.MultipleNegativesRankingLoss, 3, None, ([8, 5], None))
save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(HERE, "sentence_losses.safetensors"))
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"sentence-transformers {st.__version__}, torch {torch.__version__}, seed {SEED}\n")
