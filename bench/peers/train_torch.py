#!/usr/bin/env python3
"""One optimiser step of PyTorch on a model's folder, as `lyceum bench MODEL --train` does it: tokens/s and peak memory as one JSON line, for compare.py.

usage: train_torch.py MODEL --batch B --tokens T [--labels SHARE] [--form eager|compile] [--dtype f32|bf16] [--threads N] [--repeats N]
Forwards and backwards with the configuration's dropout, clipping to 1, AdamW (fused). bf16 is autocast. needs: torch, transformers
"""
import argparse, json, os, resource, statistics, time

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("model"), p.add_argument("--batch", type=int, required=True), p.add_argument("--tokens", type=int, required=True)
p.add_argument("--labels", type=float, default=1.0), p.add_argument("--form", default="eager"), p.add_argument("--dtype", default="f32")
p.add_argument("--threads", type=int, default=os.cpu_count()), p.add_argument("--repeats", type=int, default=5)
a = p.parse_args()
import torch
import transformers as tf

torch.set_num_threads(a.threads)
torch.manual_seed(0)
cls = getattr(tf, tf.AutoConfig.from_pretrained(a.model).architectures[0])
model = cls.from_pretrained(a.model).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
x = torch.randint(0, model.config.vocab_size, (a.batch, a.tokens))
labels = torch.where(torch.rand(x.shape) < a.labels, x, -100)
run = torch.compile(model) if a.form == "compile" else model


def step():
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.dtype == "bf16"):
        loss = run(input_ids=x, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


step(), step()
times = []
for _ in range(a.repeats):
    begin = time.perf_counter()
    step()
    times.append(time.perf_counter() - begin)
n = a.batch * a.tokens
print(json.dumps({"case": f"train {a.batch}x{a.tokens} {100 * a.labels:.0f} %", "unit": "tokens/s", "median": n / statistics.median(times), "min": n / max(times), "max": n / min(times),
                  "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
