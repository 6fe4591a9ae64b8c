"""Makes layers.safetensors: each layer forward and backward in float64, by PyTorch's own operators.

    /usr/bin/python3 test/golden/scripts/make_layers.py

Metadata `cases` maps a case name to {"op", and the op's settings}; it lists every case. Keys:

    <case>/input         F64, NCHW images or (N, K) rows
    <case>/weight, bias  F64, parameters, where the op has them (convolution weight OIHW, linear weight (out, in))
    <case>/labels        I64 (N), cross entropy only
    <case>/output        F64; a scalar (shape []) for cross entropy, which is the mean over the batch
    <case>/weighting     F64, the shape of the output
    <case>/grad.input, grad.weight, grad.bias    F64, gradients of sum(output * weighting)

ops: conv2d {stride, padding, groups}, linear, max_pool2d {kernel, stride, padding}, avg_pool2d {kernel, stride},
global_average_pool (N, C, H, W) -> (N, C), relu, silu, sigmoid, log_softmax (over the last dimension),
cross_entropy {label_smoothing}: smoothed target = (1 - s) * one-hot + s / K.

Case i takes its tensors from philox.tensor with streams 10 * i (input), 10 * i + 1 (weight), 10 * i + 2 (bias) and
10 * i + 3 (weighting), scale 1, inputs and logits scale 2.
"""

import torch
import torch.nn.functional as F

import philox
from common import save

torch.set_num_threads(1)

IMAGES = (2, 4, 9, 8)
ROWS = (5, 7)
LABELS = [3, 0, 6, 3, 1]

# name: (op, settings, input shape, weight shape or None, has a bias)
CASES = {
    "conv_3x3": ("conv2d", dict(stride=1, padding=1, groups=1), IMAGES, (6, 4, 3, 3), False),
    "conv_3x3_bias": ("conv2d", dict(stride=1, padding=1, groups=1), IMAGES, (6, 4, 3, 3), True),
    "conv_3x3_stride_2": ("conv2d", dict(stride=2, padding=1, groups=1), IMAGES, (6, 4, 3, 3), True),
    "conv_1x1": ("conv2d", dict(stride=1, padding=0, groups=1), IMAGES, (6, 4, 1, 1), True),
    "conv_1x1_stride_2": ("conv2d", dict(stride=2, padding=0, groups=1), IMAGES, (6, 4, 1, 1), False),
    "conv_3x3_grouped": ("conv2d", dict(stride=1, padding=1, groups=2), IMAGES, (6, 2, 3, 3), True),
    "depthwise_3x3": ("conv2d", dict(stride=1, padding=1, groups=4), IMAGES, (4, 1, 3, 3), True),
    "depthwise_3x3_stride_2": ("conv2d", dict(stride=2, padding=1, groups=4), IMAGES, (4, 1, 3, 3), True),
    "depthwise_5x5": ("conv2d", dict(stride=1, padding=2, groups=4), IMAGES, (4, 1, 5, 5), True),
    "depthwise_5x5_stride_2": ("conv2d", dict(stride=2, padding=2, groups=4), IMAGES, (4, 1, 5, 5), True),
    "linear": ("linear", {}, ROWS, (3, 7), True),
    "max_pool": ("max_pool2d", dict(kernel=3, stride=2, padding=1), IMAGES, None, False),
    "average_pool": ("avg_pool2d", dict(kernel=2, stride=2), IMAGES, None, False),
    "global_average_pool": ("global_average_pool", {}, IMAGES, None, False),
    "relu": ("relu", {}, IMAGES, None, False),
    "silu": ("silu", {}, IMAGES, None, False),
    "sigmoid": ("sigmoid", {}, IMAGES, None, False),
    "log_softmax": ("log_softmax", {}, ROWS, None, False),
    "cross_entropy": ("cross_entropy", dict(label_smoothing=0.0), ROWS, None, False),
    "cross_entropy_smoothed": ("cross_entropy", dict(label_smoothing=0.1), ROWS, None, False),
}

OPERATORS = {
    "conv2d": lambda x, w, b, s: F.conv2d(x, w, b, s["stride"], s["padding"], groups=s["groups"]),
    "linear": lambda x, w, b, s: F.linear(x, w, b),
    "max_pool2d": lambda x, w, b, s: F.max_pool2d(x, s["kernel"], s["stride"], s["padding"]),
    "avg_pool2d": lambda x, w, b, s: F.avg_pool2d(x, s["kernel"], s["stride"]),
    "global_average_pool": lambda x, w, b, s: x.mean((2, 3)),
    "relu": lambda x, w, b, s: F.relu(x),
    "silu": lambda x, w, b, s: F.silu(x),
    "sigmoid": lambda x, w, b, s: torch.sigmoid(x),
    "log_softmax": lambda x, w, b, s: F.log_softmax(x, dim=-1),
    "cross_entropy": lambda x, w, b, s: F.cross_entropy(x, torch.tensor(LABELS), label_smoothing=s["label_smoothing"]),
}


def main():
    tensors = {}
    for index, (name, (op, settings, input_shape, weight_shape, has_bias)) in enumerate(CASES.items()):
        leaves = {"input": torch.tensor(philox.tensor(10 * index, input_shape, 2)).requires_grad_()}
        if weight_shape is not None:
            leaves["weight"] = torch.tensor(philox.tensor(10 * index + 1, weight_shape)).requires_grad_()
        if has_bias:
            leaves["bias"] = torch.tensor(philox.tensor(10 * index + 2, weight_shape[:1])).requires_grad_()
        output = OPERATORS[op](leaves["input"], leaves.get("weight"), leaves.get("bias"), settings)
        weighting = torch.tensor(philox.tensor(10 * index + 3, tuple(output.shape)))
        grads = torch.autograd.grad((output * weighting).sum(), list(leaves.values()))

        case = {key: leaf.detach() for key, leaf in leaves.items()}
        if op == "cross_entropy":
            case["labels"] = torch.tensor(LABELS)
        case["output"] = output.detach()
        case["weighting"] = weighting
        case.update({f"grad.{key}": grad for key, grad in zip(leaves, grads)})
        tensors.update({f"{name}/{key}": value.numpy() for key, value in case.items()})
    save("layers", tensors, {"cases": {name: {"op": case[0], **case[1]} for name, case in CASES.items()}})


if __name__ == "__main__":
    main()
