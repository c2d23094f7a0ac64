#!/usr/bin/env python3
"""PyTorch's side of bench_optimizer: one step of each optimiser on the parameters of BERT-base, the norm of their gradients, a copy.

usage: optimizer_torch.py [--threads N] [--repeats N] [--form loop|foreach|fused]      the form of AdamW, Adam and SGD
Adafactor is transformers'; torch.optim has no LAMB.
"""
import argparse, json, statistics, time, torch
from transformers.optimization import Adafactor

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, default=2)
p.add_argument("--repeats", type=int, default=7)
p.add_argument("--form", choices=["loop", "foreach", "fused"], default="fused")
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(1)
layer = [(768, 768), (768,)] * 4 + [(768,), (768,), (3072, 768), (3072,), (768, 3072), (768,), (768,), (768,)]
shapes = [(30522, 768), (512, 768), (2, 768), (768,), (768,)] + layer * 12 + [(768, 768), (768,), (768,), (768,), (30522,)]
weights = [torch.empty(s).uniform_(-0.05, 0.05).requires_grad_() for s in shapes]
for w in weights: w.grad = torch.empty_like(w).uniform_(-0.05, 0.05)
elements = sum(w.numel() for w in weights)


def measure(case, bytes, run):
    run()
    seconds = []
    for _ in range(a.repeats):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    rate = lambda s: bytes * 1e-9 / s
    middle = statistics.median(seconds)
    print(json.dumps({"case": case, "unit": "GB/s", "median": rate(middle), "min": rate(max(seconds)), "max": rate(min(seconds)), "ms": middle * 1e3, "repeats": a.repeats, "threads": a.threads}), flush=True)


source, to = torch.empty(elements).uniform_(), torch.zeros(elements)
measure("copy", 8 * elements, lambda: to.copy_(source))
del source, to
measure("global_norm", 4 * elements, lambda: torch.nn.utils.get_total_norm([w.grad for w in weights]))
form = {"loop": dict(foreach=False), "foreach": dict(foreach=True), "fused": dict(fused=True)}[a.form]
groups = lambda: [{"params": [w for w in weights if w.dim() > 1], "weight_decay": 0.01}, {"params": [w for w in weights if w.dim() == 1], "weight_decay": 0.0}]
for case, bytes, make in (
    ("adamw", 28, lambda: torch.optim.AdamW(groups(), lr=1e-4, **form)),
    ("adam", 28, lambda: torch.optim.Adam(groups(), lr=1e-4, **form)),
    ("sgd", 12, lambda: torch.optim.SGD(groups(), lr=1e-4, **form)),
    ("momentum", 20, lambda: torch.optim.SGD(groups(), lr=1e-4, momentum=0.9, **form)),
    ("adafactor", 12, lambda: Adafactor(groups(), lr=1e-4, relative_step=False)),
):
    measure(case, bytes * elements, make().step)
