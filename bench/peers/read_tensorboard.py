"""Reads a run folder's event files with TensorBoard's own reader and compares them with its metrics.jsonl.

    pip install tensorboard numpy && python bench/peers/read_tensorboard.py RUN

Every value of the lines must stand in the event files at its step, as float32, and no other; texts likewise.
Prints what was compared; exit status 1 for a difference. Written with tensorboard 2.21.0.
"""

import collections
import json
import pathlib
import sys

import numpy as np
import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


def main():
    run = pathlib.Path(sys.argv[1])
    lines = collections.defaultdict(list)  # name -> [(step, value)]
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if name not in ("step", "tokens"):
                lines[name].append((record["step"], value))
    events = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    for tag in events.Tags()["tensors"]:
        assert events.SummaryMetadata(tag).plugin_data.plugin_name == "text", tag
        found[tag] = [(e.step, tensor_util.make_ndarray(e.tensor_proto)[0].decode()) for e in events.Tensors(tag)]
    wrong = 0
    for name in sorted(set(lines) | set(found)):
        want = [(step, v if isinstance(v, str) else np.float32(np.nan if v is None else v)) for step, v in lines[name]]
        have = found.get(name, [])
        same = len(want) == len(have) and all(
            a == b and (x == y or (not isinstance(x, str) and not np.isfinite(x) | np.isfinite(y)))
            for (a, x), (b, y) in zip(want, have)
        )
        wrong += not same
        print(f"{name}: {len(have)} values in the event files, {len(want)} lines: {'the same' if same else 'DIFFERENT'}")
    print(f"tensorboard {tensorboard.__version__}, {len(list(run.glob('events.out.tfevents.*')))} event files")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
