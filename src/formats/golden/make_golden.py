#!/usr/bin/env python3
"""Writes small files of torch.save beside safetensors files of the same tensors. MADE_WITH.txt records what ran it."""
import argparse
import collections
import pathlib
import platform

import numpy
import safetensors
import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parent
SEED = 5
torch.manual_seed(SEED)


def both(name, tensors, **options):
    torch.save(tensors, FOLDER / f"{name}.pt", **options)
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, FOLDER / f"{name}.safetensors")


# Every number format that safetensors has too, in shapes that do not end on a multiple of eight bytes.
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e5m2, torch.float8_e4m3fn, torch.float8_e8m0fnu]
WHOLE = [torch.int8, torch.uint8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64, torch.uint64]
dtypes = {str(d)[6:]: torch.randn(3, 5).abs().to(d) for d in FLOATS}
dtypes |= {str(d)[6:]: torch.randint(0, 100, (7,)).to(d) for d in WHOLE}
dtypes |= {"bool": torch.tensor([True, False, True]), "complex64": torch.randn(2, 3, dtype=torch.complex64)}
both("dtypes", dtypes)

base = torch.arange(60.0)
views = {
    "base": base, "twin": base, "matrix": base.view(5, 12), "offset": base[7:19], "transposed": base.view(5, 12).t(),
    "columns": base.view(5, 12)[:, 3:7], "every_other": base[::2], "permuted": base.view(3, 4, 5).permute(2, 0, 1),
    "expanded": base[:4].expand(3, 4), "one_row": base.view(5, 12)[2:3], "scalar": base[13], "empty": base[:0],
    "empty_rows": base[:0].view(0, 7), "one_by_one": base[5:6].view(1, 1, 1), "one_expanded": base[:4].expand(1, 4),
}
both("views", views)

modules = torch.nn.Sequential(collections.OrderedDict(
    embed=torch.nn.Embedding(5, 3), block=torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)), head=torch.nn.Linear(3, 5, bias=False)))
modules.head.weight = modules.embed.weight  # tied
for protocol in (2, 3, 4, 5):
    both(f"module_protocol_{protocol}", modules.state_dict(), pickle_protocol=protocol)
torch.save(modules.state_dict(keep_vars=True), FOLDER / "parameters.pt")


state = modules.state_dict()
torch.save({"args": argparse.Namespace(arch="transformer", lr=[5e-4], big=1 << 80, none=None), "cfg": None, "model": state,
            "optimizer_history": [{"num_updates": 3}], "extra_state": {"loss": torch.tensor(0.5), "train_iterator": {"epoch": 2}}},
           FOLDER / "fairseq.pt")
torch.save({"epoch": 3, "state_dict": state, "hyper_parameters": collections.defaultdict(list, a=[1]), "path": pathlib.PurePosixPath("a/b"),
            "best": numpy.float64(0.25), "kinds": {1, 2}, "frozen": frozenset("ab"), "raw": b"\x00\xff", "device": torch.device("cpu"),
            "size": torch.Size([2, 3]), "dtype": torch.float16}, FOLDER / "lightning.pt", pickle_protocol=4)

torch.save(state, FOLDER / "legacy.pt", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(1, 1), FOLDER / "whole_module.pt")
torch.save({"a": torch.eye(3).to_sparse()}, FOLDER / "sparse.pt")
torch.save({"a": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, FOLDER / "quantised.pt")
torch.save({"a": torch.ones(3, dtype=torch.complex128)}, FOLDER / "complex128.pt")
torch.save([torch.ones(3)], FOLDER / "list.pt")
torch.save({"step": 3}, FOLDER / "no_tensors.pt")
torch.jit.script(torch.nn.Identity()).save(FOLDER / "script.pt")
(FOLDER / "MADE_WITH.txt").write_text(f"make_golden.py: torch {torch.__version__.split('+')[0]}, safetensors {safetensors.__version__}, "
                                      f"numpy {numpy.__version__}, Python {platform.python_version()}; seed {SEED}\n")
