#!/usr/bin/env python3
"""Writes optimizers.safetensors beside this script: weights and states after 10 and 100 steps of PyTorch's optimisers, transformers'
Adafactor, timm's Lamb, and the authors' optimisers for BERT and LAMB written out below.

usage: make_golden.py        needs: torch, transformers, timm (of which only the files timm/optim/{lamb,_helpers,_types}.py are read).
                             Their versions go into MADE_WITH.txt.

Weights and gradients are not in the file: both sides draw them by number(). A case is CASE.10.weights, CASE.100.weights and
CASE.100.STATE, all parameters one after another.
"""
import importlib.metadata, importlib.util, os, sys, types
import numpy as np, torch, transformers
from safetensors.torch import save_file
from transformers.optimization import Adafactor

HERE = os.path.dirname(os.path.abspath(__file__))
# name, shape, weight decay counts, rate scale
PARAMETERS = [("vector", (37,), 0, 1.0), ("matrix", (7, 17), 1, 1.0), ("tiny", (1,), 0, 1.0), ("cube", (2, 3, 5), 1, 0.5), ("wide", (2, 35), 1, 1.0)]
RATE = lambda step: 0.02 * (1 - step / 200)  # of step 1, 2, ...


def number(stream, i):
    """In [-1/2, 1/2), a multiple of 2^-16: an integer hash, so that it is the same everywhere."""
    x = (np.arange(i, dtype=np.uint64) * 0x9E3779B1 + stream * 0x85EBCA77 + 1) & 0xFFFFFFFF
    x ^= x >> np.uint64(15)
    x = (x * 0x2C1B3C6D) & 0xFFFFFFFF
    x ^= x >> np.uint64(12)
    return ((x >> np.uint64(16)).astype(np.float64) / 65536 - 0.5).astype(np.float32)


def drawn(stream, shape):
    return torch.from_numpy(number(stream, int(np.prod(shape)))).reshape(shape)


def gradient(k, step, shape):  # noise around a mean of its own for each element
    return drawn(1000 * (k + 1) + step, shape) + drawn(1000 * (k + 1), shape)


class BertAdam(torch.optim.Optimizer):
    """AdamWeightDecayOptimizer of google-research/bert, optimization.py; with ratio: LAMBOptimizer of google-research/albert."""
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01, ratio=False):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, ratio=ratio))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None: continue
                state = self.state[p]
                if not state: state.update(exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                b1, b2 = group["betas"]
                state["exp_avg"] = b1 * state["exp_avg"] + (1 - b1) * p.grad
                state["exp_avg_sq"] = b2 * state["exp_avg_sq"] + (1 - b2) * p.grad.square()
                update = state["exp_avg"] / (state["exp_avg_sq"].sqrt() + group["eps"]) + group["weight_decay"] * p
                if group["ratio"] and p.dim() > 1: update = update * (p.norm() / update.norm())
                p.sub_(group["lr"] * update)


def timm_lamb():
    folder = os.path.dirname(importlib.util.find_spec("timm").origin) + "/optim/"
    sys.modules["lamb_only"] = types.ModuleType("lamb_only"); sys.modules["lamb_only"].__path__ = [folder]
    return importlib.import_module("lamb_only.lamb").Lamb


Lamb = timm_lamb()
# case: class, settings, weight decay, whether a parameter misses every second gradient
# (timm counts the steps of a group, not of a parameter, so its cases have all gradients)
CASES = {
    "adamw": (torch.optim.AdamW, {}, 0.1, True),
    "adamw_settings": (torch.optim.AdamW, dict(betas=(0.8, 0.95), eps=1e-3), 0, True),
    "adam": (torch.optim.Adam, {}, 0.1, True),
    "bert": (BertAdam, {}, 0.1, True),
    "sgd": (torch.optim.SGD, {}, 0.1, True),
    "momentum": (torch.optim.SGD, dict(momentum=0.9), 0.1, True),
    "dampening": (torch.optim.SGD, dict(momentum=0.8, dampening=0.3), 0, True),
    "nesterov": (torch.optim.SGD, dict(momentum=0.9, nesterov=True), 0.1, True),
    "lamb": (Lamb, dict(max_grad_norm=None), 0.1, False),
    "lamb_paper": (Lamb, dict(max_grad_norm=None, always_adapt=True), 0, False),
    "lamb_authors": (BertAdam, dict(ratio=True), 0.1, True),
    "adafactor": (Adafactor, dict(relative_step=False), 0.1, True),
    "adafactor_plain": (Adafactor, dict(relative_step=False, scale_parameter=False, clip_threshold=0.7, decay_rate=-0.6, eps=(1e-4, 1e-2)), 0, True),
    "adafactor_momentum": (Adafactor, dict(relative_step=False, beta1=0.9), 0.1, True),
    "adafactor_relative": (Adafactor, dict(relative_step=True), 0, False),
    "adafactor_warmup": (Adafactor, dict(relative_step=True, warmup_init=True), 0, False),
}
out = {}
for case, (make, settings, decay, misses) in CASES.items():
    weights = [drawn(k, shape).clone().requires_grad_() for k, (_, shape, _, _) in enumerate(PARAMETERS)]
    scales = [scale for _, _, _, scale in PARAMETERS]
    relative = settings.get("relative_step", False)
    groups = [dict(params=[w], weight_decay=decay * decays, lr=None if relative else 1.0) for w, (_, _, decays, _) in zip(weights, PARAMETERS)]
    optimizer = make(groups, lr=None if relative else 1.0, **settings)
    for step in range(1, 101):
        for k, (w, group) in enumerate(zip(weights, optimizer.param_groups)):
            w.grad = None if misses and k == 0 and step % 2 == 0 else gradient(k, step, w.shape)
            if not relative: group["lr"] = RATE(step) * scales[k]
        optimizer.step()
        if step in (10, 100): out[f"{case}.{step}.weights"] = torch.cat([w.detach().flatten() for w in weights])
    for what in ("exp_avg", "exp_avg_sq", "momentum_buffer", "exp_avg_sq_row", "exp_avg_sq_col"):
        kept = [optimizer.state[w][what].flatten() for w in weights if what in optimizer.state[w]]
        if kept: out[f"{case}.100.{what}"] = torch.cat(kept)
save_file(out, os.path.join(HERE, "optimizers.safetensors"))
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"make_golden.py: torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, timm {importlib.metadata.version('timm')}\n")
