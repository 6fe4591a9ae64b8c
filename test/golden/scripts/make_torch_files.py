"""Small files that torch.save writes, in both of its forms, and what they hold.

    torch_zip.pth, torch_legacy.pth     the same checkpoint: a state dict of tensors of every dtype that is read, with strides and
                                        offsets, in shared storages, and beside it what training scripts save
    torch_values.safetensors            the state dict's tensors, row-major

Made with PyTorch 2.14.1 (pip install torch==2.14.1 safetensors):  python3 test/golden/scripts/make_torch_files.py
"""

import argparse
import collections
import pathlib

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parents[1] / "values"


def tensors():
    torch.manual_seed(0)
    base = torch.randn(6, 8)
    state = collections.OrderedDict()
    state["plain"] = torch.randn(2, 3)
    state["scalar"] = torch.tensor(7, dtype=torch.int64)
    state["empty"] = torch.zeros(0, 4)
    state["transposed"] = base.t()
    state["every_second"] = base[1::2, ::3]
    state["shared_row"] = base[2]
    state["expanded"] = torch.tensor([1.5, -2.5]).reshape(2, 1).expand(2, 3)
    state["channels_last"] = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    state["parameter"] = torch.nn.Parameter(torch.randn(3))
    state["float64"] = torch.randn(4, dtype=torch.float64)
    state["float16"] = torch.tensor([0.0, -0.0, 1.0, 65504.0, 2**-24, -(2**-15), 1 / 3]).half()
    state["bfloat16"] = torch.randn(5).bfloat16()
    for dtype in (torch.int32, torch.int16, torch.int8, torch.uint8):
        state[str(dtype).removeprefix("torch.")] = torch.tensor([0, 1, 100], dtype=dtype)
    state["bool"] = torch.tensor([True, False, True])
    return state


def main():
    state = tensors()
    checkpoint = {
        "epoch": 3,
        "arch": "resnet20",
        "best": 0.9173,
        "large": 2**70,
        "none": None,
        "state_dict": state,
        "args": argparse.Namespace(lr=0.1, name="first", betas=(0.9, 0.999)),
        "optimizer": {"state": {0: {"step": torch.tensor(5.0), "momentum_buffer": torch.randn(2)}}, "param_groups": [{"lr": 0.1}]},
        "set": {1, 2},
        "size": torch.Size([1, 2]),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "bytes": b"\x00\xff",
    }
    torch.save(checkpoint, FOLDER / "torch_zip.pth")
    torch.save(checkpoint, FOLDER / "torch_legacy.pth", _use_new_zipfile_serialization=False)
    values = {name: value.detach().clone().contiguous() for name, value in state.items()}
    save_file(values, FOLDER / "torch_values.safetensors")


main()
