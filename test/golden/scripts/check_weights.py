"""Loads an exported weights file into the PyTorch reference of its model, by names, and prints two images' logits.

    /usr/bin/python3 test/golden/scripts/check_weights.py weights.safetensors

The models are resnet20, wide-resnet-D-K and efficientnet-bN, with at most one auxiliary route. Every name and shape must
fit (load_state_dict is strict). Images: (philox.tensor(1000000, (2, 3, S, S)) + 1) / 2, pixels in [0, 1); main route,
running statistics, float64. Makes no file.
"""

import json
import sys

import torch

import philox
import safetensors_io
from efficientnet_reference import MODELS, EfficientNet
from make_advprop_steps import ResNet20
from make_efficientnet import INPUT_STREAM
from make_wide_resnet import WideResNet
from torch_common import MAIN, Context, RoutedBatchNorm


def network(name, classes):
    """With one auxiliary set in every batch norm."""
    family, _, size = name.rpartition("-")
    if family == "efficientnet":
        width, depth = MODELS[size][:2]
        return EfficientNet(width, depth, classes)
    if name.startswith("wide-resnet-"):
        return WideResNet(*(int(number) for number in name.split("-")[2:]), classes)
    assert (name, classes) == ("resnet20", 10), f"there is no reference of {name} with {classes} classes"
    return ResNet20()


def main():
    tensors, metadata = safetensors_io.read(sys.argv[1])
    specification = json.loads(metadata["advprop"])["specification"]
    model = network(specification["name"], len(specification["classes"]))
    if not specification["routes"]:
        for module in list(model.modules()):
            if isinstance(module, RoutedBatchNorm):
                module.aux_bn = torch.nn.ModuleList()
    model.load_state_dict({name: torch.tensor(value) for name, value in tensors.items()}, strict=True)

    size = specification["imageSize"]
    images = (torch.tensor(philox.tensor(INPUT_STREAM, (2, 3, size, size))) + 1) / 2
    if not isinstance(model, ResNet20):  # which normalises inside
        mean, deviation = (torch.tensor(v)[:, None, None] for v in specification["normalization"].values())
        images = (images - mean) / deviation
    logits = model.double()(images, Context(MAIN, "running", update=False))
    print(f"{specification['name']}: {len(tensors)} tensors fit, routes main {' '.join(specification['routes'])}")
    print(json.dumps(logits.detach().numpy().round(6).tolist()))


if __name__ == "__main__":
    main()
