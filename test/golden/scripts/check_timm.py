"""Compares efficientnet_b0.safetensors with timm's tf_efficientnet_b0 of the same weights, and records what timm's
split-batch-norm conversion does to it. Makes no file.

    python3 test/golden/scripts/check_timm.py        (needs timm and torchvision beside what the other scripts need)

Output with timm 1.0.29 and PyTorch 1.13.1, float64; relative differences from the golden values:

    360 tensors fit, 5288548 parameters
    main/running: logits 2.3e-15, gradient of the input 9.1e-15, norms of 213 gradients at most 6.2e-15
    main/batch: logits 2.2e-14, gradient of the input 4.9e-14, norms of 197 gradients at most 5.8e-14
    split batch norm: BatchNormAct2d becomes SplitBatchNorm2d, logits change by a factor of 1.7e+05

The last line: the conversion puts a plain batch norm in the place of each one with an activation, so the network loses
its activations.
"""

import copy

import numpy as np
import timm
import torch
import torch.nn.functional as F
from timm.layers import convert_splitbn_model

import philox
import safetensors_io
from common import every, relative_l2
from efficientnet_reference import EfficientNet
from make_efficientnet import INPUT_STREAM, fill
from torch_common import is_auxiliary


def compare(model, key, images, golden):
    images = images.clone().requires_grad_()
    logits = model(images)
    labels = torch.tensor(golden["labels"])
    names, parameters = zip(*model.named_parameters())
    grad_input, *grads = torch.autograd.grad(F.cross_entropy(logits, labels), [images, *parameters])
    norms = np.array([np.linalg.norm(grad) for _, grad in sorted(zip(names, grads))])
    expected = golden[f"{key}/gradient_norms"]
    known = expected > 1e-10  # the others are zero but for rounding
    print(
        f"{key}: logits {relative_l2(logits.detach(), golden[f'{key}/logits']):.1e},",
        f"gradient of the input {relative_l2(every(grad_input, 1009), golden[f'{key}/grad.input']):.1e},",
        f"norms of {known.sum()} gradients at most {np.abs(norms[known] / expected[known] - 1).max():.1e}",
    )


def main():
    reference = EfficientNet(1.0, 1.0, 1000).double()
    fill(reference)
    state = {name: value for name, value in reference.state_dict().items() if not is_auxiliary(name)}
    model = timm.create_model("tf_efficientnet_b0").double()
    model.load_state_dict(state, strict=True)
    print(f"{len(state)} tensors fit, {sum(parameter.numel() for parameter in model.parameters())} parameters")

    golden, _ = safetensors_io.read("test/golden/values/efficientnet_b0.safetensors")
    images = torch.tensor(philox.tensor(INPUT_STREAM, (4, 3, 64, 64)))
    compare(copy.deepcopy(model).eval(), "main/running", images, golden)
    compare(copy.deepcopy(model).train(), "main/batch", images, golden)

    split = convert_splitbn_model(copy.deepcopy(model), 2)
    with torch.no_grad():
        change = relative_l2(split.eval()(images), model.eval()(images))
    print(
        f"split batch norm: {type(model.bn1).__name__} becomes {type(split.bn1).__name__},",
        f"logits change by a factor of {change:.1e}",
    )


if __name__ == "__main__":
    main()
