"""A published CIFAR-10 ResNet-20 as a weights file that this library opens. Makes no golden values.

python3 test/golden/convert_resnet20.py resnet20-12fca82f.th OUTPUT.safetensors

The weights are those of https://github.com/akamaster/pytorch_resnet_cifar10 (91.7 % on the test images), with ImageNet's
channel statistics as preprocessing. Only the names differ: `module.` goes, and `linear` is `fc` here.
"""

import sys

import numpy as np
import torch

import safetensors_io

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def main(source, target):
    state = torch.load(source, map_location="cpu")["state_dict"]
    tensors = {
        name.removeprefix("module.").replace("linear.", "fc."): value.numpy() for name, value in state.items()
    }
    # A counter that PyTorch has had since after these weights were made; nothing here depends on it.
    for name in [name for name in tensors if name.endswith("running_mean")]:
        tensors[name.replace("running_mean", "num_batches_tracked")] = np.int64(1)
    specification = {
        "name": "resnet20",
        "classes": CLASSES,
        "routes": [],
        "normalization": {"mean": [0.485, 0.456, 0.406], "deviation": [0.229, 0.224, 0.225]},
        "imageSize": 32,
    }
    safetensors_io.write(target, tensors, {"format": "pt", "advprop": {"specification": specification}})


if __name__ == "__main__":
    main(*sys.argv[1:])
