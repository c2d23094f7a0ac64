#!/usr/bin/env python3
"""Writes schedules.json beside this script: transformers' schedules as factors of the peak, lambda(0), lambda(1), ...

usage: make_golden.py        needs: torch, transformers. Their versions go into MADE_WITH.txt.
"""
import json, os, torch, transformers
from transformers import optimization as o

HERE = os.path.dirname(os.path.abspath(__file__))
PEAK, STEPS = 0.5, 40


def curve(make, **settings):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    schedule = make(optimizer, **settings)
    factor = schedule.lr_lambdas[0]
    return [float(factor(step)) for step in range(STEPS + 1)]


curves = {
    "constant": curve(o.get_constant_schedule),
    "constant_warmup": curve(o.get_constant_schedule_with_warmup, num_warmup_steps=7),
    "linear": curve(o.get_linear_schedule_with_warmup, num_warmup_steps=0, num_training_steps=STEPS),
    "linear_warmup": curve(o.get_linear_schedule_with_warmup, num_warmup_steps=7, num_training_steps=STEPS),
    "polynomial": curve(o.get_polynomial_decay_schedule_with_warmup, num_warmup_steps=7, num_training_steps=STEPS, lr_end=0.05, power=2.5),
    "cosine": curve(o.get_cosine_schedule_with_warmup, num_warmup_steps=7, num_training_steps=STEPS),
    "cosine_waves": curve(o.get_cosine_schedule_with_warmup, num_warmup_steps=0, num_training_steps=STEPS, num_cycles=1.75),
    "cosine_min": curve(o.get_cosine_with_min_lr_schedule_with_warmup, num_warmup_steps=7, num_training_steps=STEPS, min_lr_rate=0.1),
    "wsd_linear": curve(o.get_wsd_schedule, num_warmup_steps=7, num_training_steps=STEPS, num_decay_steps=12, decay_type="linear"),
    "wsd_cosine": curve(o.get_wsd_schedule, num_warmup_steps=7, num_training_steps=STEPS, num_decay_steps=12),
    "wsd_sqrt": curve(o.get_wsd_schedule, num_warmup_steps=0, num_training_steps=STEPS, num_decay_steps=12, decay_type="1-sqrt", min_lr_ratio=0.2),
    "inverse_sqrt": curve(o.get_inverse_sqrt_schedule, num_warmup_steps=7),
}
json.dump(curves, open(os.path.join(HERE, "schedules.json"), "w"))
open(os.path.join(HERE, "MADE_WITH.txt"), "w").write(f"make_golden.py: torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}\n")
