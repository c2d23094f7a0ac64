#!/usr/bin/env python3
"""Writes sentence_head/ beside this script: the modules behind the encoder of a sentence-transformers folder (Pooling, Dense,
Normalize), and case.safetensors with what the library computes of random token vectors.

usage: make_golden.py        needs: torch, sentence-transformers, safetensors. Versions and the seed go into MADE_WITH.txt.
"""
import json, os, shutil, torch, sentence_transformers as st
from safetensors.torch import save_file
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.base.modules.normalize import Normalize

HERE = os.path.dirname(os.path.abspath(__file__))
folder = os.path.join(HERE, "sentence_head")
shutil.rmtree(folder, ignore_errors=True)
torch.manual_seed(11)
LENGTHS, WIDTH, OUT = [5, 1, 7, 3], 6, 4
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
PROMPT = 1  # tokens of a prompt, for include_prompt = false: every sequence keeps one at least, but the second

hidden = torch.randn(len(LENGTHS), max(LENGTHS), WIDTH)
mask = torch.tensor([[int(t < n) for t in range(max(LENGTHS))] for n in LENGTHS])
packed = hidden[mask.bool()]
case = {"hidden": packed, "lengths": torch.tensor(LENGTHS)}


def pooled(mode, h=hidden, include_prompt=True):
    features = {"token_embeddings": h, "attention_mask": mask.clone()}
    if not include_prompt: features["prompt_length"] = PROMPT
    return Pooling(WIDTH, pooling_mode=mode, include_prompt=include_prompt)(features)["sentence_embedding"]


for mode in MODES:
    case["pool." + mode] = pooled(mode)
    case["no_prompt." + mode] = pooled(mode, include_prompt=False)[[0, 2, 3]]  # the second has nothing left to pool
case["pool.all"] = pooled(tuple(MODES))
dense = Dense(WIDTH, OUT)
torch.nn.init.normal_(dense.linear.weight, std=0.7); torch.nn.init.normal_(dense.linear.bias, std=0.3)
mean = pooled("mean")
for name, activation in (("Identity", torch.nn.Identity()), ("Tanh", torch.nn.Tanh()), ("ReLU", torch.nn.ReLU()), ("GELU", torch.nn.GELU()), ("SiLU", torch.nn.SiLU()), ("Sigmoid", torch.nn.Sigmoid())):
    dense.activation_function = activation
    case["dense." + name] = dense({"sentence_embedding": mean})["sentence_embedding"]
case["normalized"] = Normalize()({"sentence_embedding": mean})["sentence_embedding"]
# the whole chain with its gradients along a cotangent
dense.activation_function = torch.nn.Tanh()
h = hidden.clone().requires_grad_()
out = Normalize()(dense({"sentence_embedding": pooled("mean", h)}))["sentence_embedding"]
cotangent = torch.randn_like(out)
(out * cotangent).sum().backward()
case.update({"chain": out, "chain.cotangent": cotangent, "chain.grad.hidden": h.grad[mask.bool()], "chain.grad.linear.weight": dense.linear.weight.grad, "chain.grad.linear.bias": dense.linear.bias.grad})

os.makedirs(folder)
modules = [("", "sentence_transformers.models.Transformer"), ("1_Pooling", "sentence_transformers.models.Pooling"), ("2_Dense", "sentence_transformers.models.Dense"), ("3_Normalize", "sentence_transformers.models.Normalize")]
json.dump([{"idx": i, "name": str(i), "path": p, "type": t} for i, (p, t) in enumerate(modules)], open(folder + "/modules.json", "w"), indent=1)
for path, module in (("1_Pooling", Pooling(WIDTH, pooling_mode="mean")), ("2_Dense", dense)):
    os.makedirs(f"{folder}/{path}"); module.save(f"{folder}/{path}")
save_file({k: v.detach().contiguous() for k, v in case.items()}, folder + "/case.safetensors")
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"make_golden.py: torch {torch.__version__.split('+')[0]}, sentence-transformers {st.__version__}; seed 11\n")
