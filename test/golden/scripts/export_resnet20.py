"""Writes published weights of ResNet-20 in two formats, to check that both give the same logits. No golden file.

    export_resnet20.py --weights resnet20-12fca82f.th --out DIR

    DIR/resnet20.onnx          torch.onnx.export of the network below, opset 13, any batch, without the normalisation
    DIR/resnet20.onnx.json     the sidecar that says the normalisation and the classes
    DIR/resnet20.safetensors   the same weights as `advprop export` would write them

The weights are those of https://github.com/akamaster/pytorch_resnet_cifar10 (8.27 % error on CIFAR-10), trained on pixels
normalised by ImageNet's mean and deviation.
"""

import argparse
import json
import pathlib

import numpy as np
import safetensors_io
import torch
import torch.nn.functional as F
from torch import nn

MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.half = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.half, self.half))
        return F.relu(y + shortcut)


class ResNet20(nn.Module):
    """He et al. 2016, section 4.2, shortcuts of option A."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*[Block(16, 16, 1) for _ in range(3)])
        self.layer2 = nn.Sequential(Block(16, 32, 2), *[Block(32, 32, 1) for _ in range(2)])
        self.layer3 = nn.Sequential(Block(32, 64, 2), *[Block(64, 64, 1) for _ in range(2)])
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)

    state = torch.load(options.weights, map_location="cpu")["state_dict"]
    state = {name.removeprefix("module.").replace("linear.", "fc."): value for name, value in state.items()}
    model = ResNet20().eval()
    report = model.load_state_dict(state, strict=False)
    assert not report.unexpected_keys and all("num_batches" in name for name in report.missing_keys)

    onnx = options.out / "resnet20.onnx"
    names = {"input_names": ["input"], "output_names": ["logits"]}
    dynamic = {"input": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(model, torch.zeros(2, 3, 32, 32), str(onnx), opset_version=13, dynamic_axes=dynamic, **names)
    sidecar = {"pixelRange": "0-1", "mean": MEAN, "std": STD, "classes": CLASSES}
    onnx.with_name("resnet20.onnx.json").write_text(json.dumps(sidecar))

    normalization = {"mean": MEAN, "deviation": STD}
    specification = {
        "name": "resnet20",
        "classes": CLASSES,
        "routes": [],
        "normalization": normalization,
        "imageSize": 32,
    }
    tensors = {name: np.asarray(value) for name, value in model.state_dict().items()}
    metadata = {"format": "pt", "advprop": {"specification": specification}}
    safetensors_io.write(options.out / "resnet20.safetensors", tensors, metadata)


main()
