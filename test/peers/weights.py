"""Saves networks of timm, torchvision, efficientnet_pytorch and efficientnet-lite-pytorch with seeded random weights, and their logits.

    PYTHON test/peers/weights.py --list
    PYTHON test/peers/weights.py --name NAME --out DIR        npm run test:peers does it

In DIR: NAME.pth, a state dict in torch.save's present form; NAME.pth.tar, a training checkpoint in its old form, with
the prefix of data parallelism; NAME-ema.pth, a checkpoint with other weights beside the moving average; NAME.safetensors. logits.json has its
logits for two images, normalised as its preset says; their pixels lie in images.safetensors.

Statistics and affine parameters of the batch norms are not the initial ones, with which every norm would be the same.
"""

import argparse
import copy
import json
import math
import pathlib

import efficientnet_lite_pytorch
import efficientnet_pytorch
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

SIZE = 96
HALF = ([0.5] * 3, [0.5] * 3)
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


class WideBlock(nn.Module):
    """a = relu(bn1(x)); conv2(relu(bn2(conv1(a)))) + shortcut, Zagoruyko and Komodakis 2016, under the names of the usual port."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x):
        a = torch.relu(self.bn1(x))
        shortcut = x if self.convShortcut is None else self.convShortcut(a)
        return self.conv2(torch.relu(self.bn2(self.conv1(a)))) + shortcut


class WideResNet(nn.Module):
    def __init__(self, depth, width, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        inputs = 16
        for i, channels in enumerate((16, 32, 64)):
            stage = nn.Module()
            blocks = [WideBlock(inputs, width * channels, 1 if i == 0 else 2)]
            blocks += [WideBlock(width * channels, width * channels, 1) for _ in range((depth - 4) // 6 - 1)]
            stage.layer = nn.Sequential(*blocks)
            inputs = width * channels
            setattr(self, f"block{i + 1}", stage)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.conv1(x)
        for block in (self.block1, self.block2, self.block3):
            x = block.layer(x)
        return self.fc(torch.relu(self.bn1(x)).mean((2, 3)))


def lukemelas(size):
    return efficientnet_pytorch.EfficientNet.from_name(f"efficientnet-{size}", image_size=SIZE)


def lukemelas_lite(size):
    return efficientnet_lite_pytorch.EfficientNet.from_name(f"efficientnet-{size}", image_size=SIZE)


def networks():
    """Name of the files, name here, preset, and the network."""
    for i in range(9):
        # Called as the published AdvProp files are.
        yield f"tf_efficientnet_b{i}_ap", f"efficientnet-b{i}", HALF, lambda i=i: timm.create_model(f"tf_efficientnet_b{i}")
        yield f"efficientnet-b{i}", f"efficientnet-b{i}", IMAGENET, lambda i=i: lukemelas(f"b{i}")
    for i in range(5):
        yield f"tf_efficientnet_lite{i}", f"efficientnet-lite{i}", HALF, lambda i=i: timm.create_model(f"tf_efficientnet_lite{i}")
        if i < 3:
            yield f"efficientnet-lite{i}", f"efficientnet-lite{i}", HALF, lambda i=i: lukemelas_lite(f"lite{i}")
    for depth in (18, 34, 50, 101, 152):
        yield f"torchvision-resnet{depth}", f"resnet{depth}", IMAGENET, getattr(torchvision.models, f"resnet{depth}")
    for depth in (18, 50):
        yield f"timm-resnet{depth}", f"resnet{depth}", IMAGENET, lambda depth=depth: timm.create_model(f"resnet{depth}")
    yield "wrn-28-10", "wide-resnet-28-10", IMAGENET, lambda: WideResNet(28, 10)
    yield "wrn-16-4", "wide-resnet-16-4", IMAGENET, lambda: WideResNet(16, 4)


def randomise(model, images):
    """Random parameters, and the statistics of the images: arbitrary statistics would let the activations grow from block to block, until
    float32 has no correct digit left."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
            module.momentum = 1.0
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            bound = math.sqrt(3 / module.weight[0].numel())
            nn.init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.2, 0.2)
    with torch.no_grad():
        model.train()(images)
    model.eval()


def save(model, path):
    state = model.state_dict()
    torch.save(state, path.with_name(f"{path.name}.pth"))
    data_parallel = {f"module.{name}": value for name, value in state.items()}
    checkpoint = {"epoch": 7, "arch": path.name, "state_dict": data_parallel, "best_acc1": torch.tensor(76.5)}
    checkpoint["optimizer"] = torch.optim.SGD(model.parameters(), lr=0.1).state_dict()
    torch.save(checkpoint, path.with_name(f"{path.name}.pth.tar"), _use_new_zipfile_serialization=False)
    other = {name: torch.zeros_like(value) for name, value in state.items()}
    torch.save({"state_dict": other, "state_dict_ema": state}, path.with_name(f"{path.name}-ema.pth"))
    save_file(copy.deepcopy(state), path.with_name(f"{path.name}.safetensors"), metadata={"format": "pt"})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true", help="print the names, and nothing else")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--name")
    options = parser.parse_args()
    if options.list:
        print("\n".join(name for name, *_ in networks()))
        return
    name, ours, (mean, deviation), make = next(one for one in networks() if one[0] == options.name)
    torch.manual_seed(0)
    pixels = torch.rand(16, 3, SIZE, SIZE)
    images = (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]
    model = make()
    randomise(model, images)
    pixels = pixels[:2].contiguous()
    with torch.no_grad():
        logits = model.double()(images[:2].double()).tolist()
    save(model.float(), options.out / name)
    save_file({"pixels": pixels}, options.out / "images.safetensors")
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__}
    versions["efficientnet_pytorch"] = efficientnet_pytorch.__version__
    (options.out / "logits.json").write_text(json.dumps({"versions": versions, "model": ours, "logits": logits}))


main()
