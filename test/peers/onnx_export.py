"""Networks of PyTorch exported by PyTorch, beside our exports of the same weights: checked, compared and timed.

    PYTHON test/peers/onnx_export.py --list
    PYTHON test/peers/onnx_export.py --make NAME --out DIR       DIR/NAME.pth, and DIR/torch.onnx by torch.onnx.export
    PYTHON test/peers/onnx_export.py --compare --out DIR         DIR/ours.onnx against it        npm run test:peers does it

Both files take float32 [N, 3, S, S] with pixels in [0, 1] and normalise it. --compare has the onnx project's checker read ours, compares the
logits of both with PyTorch's own, and times them in turns by onnxruntime, one thread, of which the shortest times count: another busy
process only ever makes one longer. It prints JSON.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

ROUNDS = 40


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.extra = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.extra > 0:
            half = self.extra // 2
            x = nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.extra - half))
        return torch.relu(y + x)


class CifarResNet(nn.Module):
    """ResNet-D of He et al. 2016, section 4.2, shortcuts without parameters."""

    def __init__(self, depth=20, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        inputs = 16
        for i, channels in enumerate((16, 32, 64)):
            blocks = []
            for j in range((depth - 2) // 6):
                blocks.append(Block(inputs, channels, 2 if i > 0 and j == 0 else 1))
                inputs = channels
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def efficientnet_b0():
    from efficientnet_pytorch import EfficientNet

    # Its memory-efficient swish is an autograd function, which no exporter knows.
    model = EfficientNet.from_name("efficientnet-b0")
    model.set_swish(memory_efficient=False)
    return model


def resnet50():
    import torchvision

    return torchvision.models.resnet50()


NETWORKS = {"resnet20": (CifarResNet, 32), "efficientnet-b0": (efficientnet_b0, 224), "resnet50": (resnet50, 224)}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Normalised(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, x):
        return self.network((x - self.mean) / self.std)


def make(name, out):
    torch.manual_seed(0)
    build, size = NETWORKS[name]
    network = build()
    # A few passes by batch statistics: initial norms change nothing.
    network.train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.3
        for _ in range(5):
            network(torch.randn(8, 3, size, size))
    network.eval()
    torch.save(network.state_dict(), out / f"{name}.pth")
    model = Normalised(network).eval()
    images = torch.rand(4, 3, size, size)
    with torch.no_grad():
        np.savez(out / "expected.npz", images=images.numpy(), logits=model(images).numpy())
    torch.onnx.export(
        model,
        (images,),
        str(out / "torch.onnx"),
        dynamo=True,
        external_data=False,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes={"x": {0: torch.export.Dim("batch")}},
        verbose=False,
    )


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def compare(out):
    onnx.checker.check_model(onnx.load(out / "ours.onnx"), full_check=True)
    expected = np.load(out / "expected.npz")
    files = {"ours": session(out / "ours.onnx"), "torch": session(out / "torch.onnx")}
    largest = np.abs(expected["logits"]).max()
    result = {"versions": {m.__name__: m.__version__ for m in (torch, onnx, onnxruntime)}, "milliseconds": {}}
    for name, one in files.items():
        logits = one.run(None, {"images": expected["images"]})[0]
        result[name] = float(np.abs(logits - expected["logits"]).max() / largest)
    for batch in (1, 4):
        images = {"images": expected["images"][:batch]}
        times = {name: [] for name in files}
        for i in range(ROUNDS + 2):
            for name, one in files.items():
                begun = time.perf_counter()
                # About as long for each network, whatever its size.
                passes = 5 if expected["images"].shape[2] < 100 else 1
                for _ in range(passes):
                    one.run(None, images)
                if i >= 2:
                    times[name].append((time.perf_counter() - begun) / passes)
        for name, values in times.items():
            result["milliseconds"][f"{name}, {batch}"] = 1000 * min(values)
    print(json.dumps(result))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--make")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.list:
        print("\n".join(NETWORKS))
    elif arguments.make:
        make(arguments.make, arguments.out)
    elif arguments.compare:
        compare(arguments.out)
