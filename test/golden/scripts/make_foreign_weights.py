"""Makes foreign_weights.json: names, shapes and logits of networks of timm, efficientnet_pytorch, efficientnet-lite-pytorch and torchvision.

    PYTHON test/golden/scripts/make_foreign_weights.py        (pip install torch==2.14.1 torchvision==0.29.1 timm==1.0.31
                                                       efficientnet_pytorch==0.7.1 efficientnet-lite-pytorch==0.1.0)

State: as make_efficientnet.py says, by the place of a name among the library's own sorted names. Input: pixels
(philox.tensor(1000000, (2, 3, 64, 64)) + 1) / 2, normalised as `preset` says. Logits in float64, 10 classes.
"""

import json
import math
import pathlib

import efficientnet_lite_pytorch
import efficientnet_pytorch
import timm
import torch
import torchvision

import philox

SIZE = 64
PRESETS = {"half": ([0.5] * 3, [0.5] * 3), "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])}


def initial(name, place, shape):
    if name.endswith("running_mean") or name.endswith("bias"):
        return philox.tensor(place, shape, 0.2)
    if name.endswith("running_var"):
        return philox.tensor(place, shape, 0.1) + 0.4
    if len(shape) == 1:
        return philox.tensor(place, shape, 0.5) + 1
    return philox.tensor(place, shape, math.sqrt(3 / math.prod(shape[1:])))


def networks():
    yield "timm", "efficientnet-b0", "half", timm.create_model("tf_efficientnet_b0", num_classes=10)
    lukemelas = efficientnet_pytorch.EfficientNet.from_name("efficientnet-b0", image_size=SIZE, num_classes=10)
    yield "efficientnet_pytorch", "efficientnet-b0", "imagenet", lukemelas
    yield "torchvision", "resnet18", "imagenet", torchvision.models.resnet18(num_classes=10)
    yield "timm", "efficientnet-lite0", "half", timm.create_model("tf_efficientnet_lite0", num_classes=10)
    lite = efficientnet_lite_pytorch.EfficientNet.from_name("efficientnet-lite0", image_size=SIZE, num_classes=10)
    yield "efficientnet-lite-pytorch", "efficientnet-lite0", "half", lite


def main():
    pixels = (torch.tensor(philox.tensor(1_000_000, (2, 3, SIZE, SIZE))) + 1) / 2
    result = []
    for library, model, preset, network in networks():
        network = network.double().eval()
        state = network.state_dict()
        names = sorted(name for name in state if not name.endswith("num_batches_tracked"))
        for place, name in enumerate(names):
            state[name] = torch.tensor(initial(name, place, tuple(state[name].shape)))
        network.load_state_dict(state)
        mean, deviation = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in PRESETS[preset])
        with torch.no_grad():
            logits = network((pixels - mean) / deviation)
        shapes = {name: list(state[name].shape) for name in names}
        result.append({"library": library, "model": model, "preset": preset, "shapes": shapes, "logits": logits.tolist()})
    path = pathlib.Path(__file__).parents[1] / "values" / "foreign_weights.json"
    path.write_text("[\n" + ",\n".join(json.dumps(one) for one in result) + "\n]\n")


main()
