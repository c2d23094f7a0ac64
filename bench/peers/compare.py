#!/usr/bin/env python3
"""Runs a command of ours and a peer's by turns and prints the ratio of the medians, case by case.

usage: compare.py [--rounds N] [--best] OURS PEER     each a shell command that prints one JSON object a line with "case" and "median" (a rate)

Machines are shared: only a ratio of two programs that took turns in one run means anything. A case's figure is the median over
the rounds; the spread of each side is printed beside it. With --best every case of ours meets the peer's best case (its best batch
size, say) instead of the one of the same name.
"""
import argparse, json, statistics, subprocess, sys

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--best", action="store_true")
p.add_argument("ours")
p.add_argument("peer")
a = p.parse_args()


def rates(command, into):
    out = subprocess.run(command, shell=True, capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"{command}: exit {out.returncode}\n{out.stderr}")
    for line in out.stdout.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            into.setdefault(row["case"], []).append(row["median"])


ours, peer = {}, {}
for _ in range(a.rounds):
    rates(a.ours, ours)
    rates(a.peer, peer)
print(f"{'case':32}{'ours':>12}{'peer':>12}{'ratio':>8}   spread (ours, peer)")
best = max(peer, key=lambda case: statistics.median(peer[case]))
for case in ours:
    other = best if a.best else case
    if other in peer:
        x, y = statistics.median(ours[case]), statistics.median(peer[other])
        spread = lambda v: f"{min(v):.4g}-{max(v):.4g}"
        name = f"{case} | {other}" if a.best else case
        print(f"{name:32}{x:12.4g}{y:12.4g}{x / y:8.3f}   {spread(ours[case])}, {spread(peer[other])}")
