"""The benchmark's networks in plain PyTorch, as one would write them for speed; names are those of our checkpoints.

ResNets (He et al. 2016) and EfficientNets (Tan and Le 2019) with routed batch norms (Xie et al. 2020). Works with PyTorch
1.13 and 2.x.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Context:
    """How a pass goes through the network."""

    route: str  # "main" | "aux"
    training: bool  # batch statistics, running ones updated; else running statistics
    stochastic: bool  # dropout and stochastic depth


CLEAN = Context("main", training=True, stochastic=True)
ADVERSARIAL = replace(CLEAN, route="aux")
ATTACK = Context("aux", training=False, stochastic=False)


class BatchNorm(nn.Module):
    """One set of scale, shift and statistics; the update factor is max(momentum, 1 / (t + 1))."""

    def __init__(self, channels, momentum, eps):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def normalize(self, x, training):
        factor = 0.0
        if training:
            self.num_batches_tracked += 1
            # On a GPU reading the counter would wait: there the factor is that of all but the first steps.
            factor = self.momentum if x.is_cuda else max(self.momentum, 1 / self.num_batches_tracked.item())
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training, factor, self.eps)


class RoutedBatchNorm(BatchNorm):
    """The main set, the auxiliary one under aux_bn.0 where there is one, and the activation."""

    def __init__(self, channels, activation, momentum, eps, auxiliary):
        super().__init__(channels, momentum, eps)
        self.activation = activation
        self.aux_bn = nn.ModuleList(BatchNorm(channels, momentum, eps) for _ in range(auxiliary))

    def forward(self, x, context, residual=None):
        chosen = self if context.route == "main" else self.aux_bn[0]
        y = chosen.normalize(x, context.training)
        if residual is not None:
            y = y.add_(residual)
        return self.activation(y)


def relu(x):
    return F.relu_(x)  # its gradient needs only its result


def identity(x):
    return x


class ResNet(nn.Module):
    """`projection`: shortcuts that change shape are 1x1 convolutions; else strides and zero channels. `deep`: ImageNet's form."""

    def __init__(self, depths, widths, projection, classes, auxiliary, deep=False):
        super().__init__()
        norm = lambda channels, activation=relu: RoutedBatchNorm(channels, activation, 0.1, 1e-5, auxiliary)
        self.deep = deep
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False) if deep else nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = norm(widths[0])
        self.stages = []
        inputs = widths[0]
        for i, (depth, width) in enumerate(zip(depths, widths)):
            stage = nn.ModuleList()
            for j in range(depth):
                stride = 2 if i > 0 and j == 0 else 1
                if deep:
                    stage.append(BottleneckBlock(inputs, width, stride, norm))
                else:
                    stage.append(BasicBlock(inputs, width, stride, projection, norm))
                inputs = 4 * width if deep else width
            self.add_module(f"layer{i + 1}", stage)
            self.stages.append(stage)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x, context):
        x = self.bn1(self.conv1(x), context)
        if self.deep:
            x = F.max_pool2d(x, 3, 2, 1)
        for stage in self.stages:
            for block in stage:
                x = block(x, context)
        return self.fc(x.mean((2, 3)))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, projection, norm):
        super().__init__()
        self.stride, self.added = stride, outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = norm(outputs)
        self.downsample = None
        if projection and (stride != 1 or self.added):
            convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.ModuleList([convolution, norm(outputs, identity)])

    def forward(self, x, context):
        y = self.bn1(self.conv1(x), context)
        if self.downsample is not None:
            convolution, norm = self.downsample
            x = norm(convolution(x), context)
        elif self.added:
            before = self.added // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.added - before))
        return self.bn2(self.conv2(y), context, residual=x)


class BottleneckBlock(nn.Module):
    """The stride is in the 3x3 convolution."""

    def __init__(self, inputs, width, stride, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = norm(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = norm(4 * width)
        self.downsample = None
        if stride != 1 or inputs != 4 * width:
            convolution = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
            self.downsample = nn.ModuleList([convolution, norm(4 * width, identity)])

    def forward(self, x, context):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x), context)), context)
        if self.downsample is not None:
            convolution, norm = self.downsample
            x = norm(convolution(x), context)
        return self.bn3(self.conv3(y), context, residual=x)


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's 'SAME' padding: the smaller half before."""

    def __init__(self, inputs, outputs, size, stride=1, groups=1):
        super().__init__(inputs, outputs, size, stride, groups=groups, bias=False)

    def forward(self, x):
        (size, _), (stride, _) = self.kernel_size, self.stride
        total = [max((math.ceil(side / stride) - 1) * stride + size - side, 0) for side in x.shape[2:]]
        if all(zeros % 2 == 0 for zeros in total):
            return F.conv2d(x, self.weight, None, stride, [zeros // 2 for zeros in total], 1, self.groups)
        (top, bottom), (left, right) = ((zeros // 2, zeros - zeros // 2) for zeros in total)
        return F.conv2d(F.pad(x, (left, right, top, bottom)), self.weight, None, stride, 0, 1, self.groups)


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.conv_reduce = nn.Conv2d(channels, squeezed, 1)
        self.conv_expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        squeezed = F.silu(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.conv_expand(squeezed))


class InvertedResidual(nn.Module):
    """Expansion unless that is 1, depthwise convolution, squeeze and excitation, projection; stochastic depth."""

    def __init__(self, inputs, outputs, size, stride, expansion, drop, norm):
        super().__init__()
        self.residual, self.drop, self.expands = stride == 1 and inputs == outputs, drop, expansion > 1
        expanded = inputs * expansion
        if self.expands:
            self.conv_pw = nn.Conv2d(inputs, expanded, 1, bias=False)
            self.bn1 = norm(expanded)
        self.conv_dw = SameConv2d(expanded, expanded, size, stride, groups=expanded)
        self.se = SqueezeExcitation(expanded, max(1, inputs // 4))
        projection = nn.Conv2d(expanded, outputs, 1, bias=False)
        if self.expands:
            self.bn2, self.conv_pwl, self.bn3 = norm(expanded), projection, norm(outputs, identity)
        else:
            self.bn1, self.conv_pw, self.bn2 = norm(expanded), projection, norm(outputs, identity)

    def forward(self, x, context):
        if self.expands:
            y = self.bn1(self.conv_pw(x), context)
            y = self.bn2(self.conv_dw(y), context)
            y = self.bn3(self.conv_pwl(self.se(y)), context)
        else:
            y = self.bn1(self.conv_dw(x), context)
            y = self.bn2(self.conv_pw(self.se(y)), context)
        if not self.residual:
            return y
        if context.stochastic and self.drop > 0:
            kept = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop
            y = y * (kept.to(y.dtype) / (1 - self.drop))
        return y.add_(x)


# repeats, kernel, stride, expansion, output channels
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


def round_channels(channels, width):
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * width else rounded


class EfficientNet(nn.Module):
    def __init__(self, width, depth, dropout, classes, auxiliary):
        super().__init__()
        norm = lambda channels, activation=F.silu: RoutedBatchNorm(channels, activation, 0.01, 1e-3, auxiliary)
        self.dropout = dropout
        channels = round_channels(32, width)
        self.conv_stem = SameConv2d(3, channels, 3, 2)
        self.bn1 = norm(channels)
        total = sum(math.ceil(depth * stage[0]) for stage in STAGES)
        position = 0
        self.blocks = nn.ModuleList()
        for repeats, size, stride, expansion, stage_channels in STAGES:
            outputs = round_channels(stage_channels, width)
            stage = nn.ModuleList()
            for repeat in range(math.ceil(depth * repeats)):
                drop = 0.2 * position / total
                stage.append(InvertedResidual(channels, outputs, size, 1 if repeat else stride, expansion, drop, norm))
                channels, position = outputs, position + 1
            self.blocks.append(stage)
        features = round_channels(1280, width)
        self.conv_head = nn.Conv2d(channels, features, 1, bias=False)
        self.bn2 = norm(features)
        self.classifier = nn.Linear(features, classes)

    def forward(self, x, context):
        x = self.bn1(self.conv_stem(x), context)
        for stage in self.blocks:
            for block in stage:
                x = block(x, context)
        features = self.bn2(self.conv_head(x), context).mean((2, 3))
        return self.classifier(F.dropout(features, self.dropout, training=context.stochastic))


CIFAR_PIXELS = ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616))

HALF_PIXELS = ((0.5,) * 3, (0.5,) * 3)
EFFICIENTNETS = {
    "efficientnet-b0": (1.0, 1.0, 0.2),
    "efficientnet-b1": (1.0, 1.1, 0.2),
    "efficientnet-b2": (1.1, 1.2, 0.3),
    "efficientnet-b3": (1.2, 1.4, 0.3),
}


def build(name, auxiliary):
    """The network, its classes, and the mean and deviation of its pixels."""
    if name in EFFICIENTNETS:
        return EfficientNet(*EFFICIENTNETS[name], 1000, auxiliary), 1000, HALF_PIXELS
    if name == "resnet50":
        return ResNet((3, 4, 6, 3), (64, 128, 256, 512), True, 1000, auxiliary, deep=True), 1000, HALF_PIXELS
    if name == "resnet18-cifar":
        return ResNet((2, 2, 2, 2), (64, 128, 256, 512), True, 10, auxiliary), 10, CIFAR_PIXELS
    if name in ("resnet8", "resnet20"):
        repeats = (int(name[len("resnet") :]) - 2) // 6
        return ResNet((repeats,) * 3, (16, 32, 64), False, 10, auxiliary), 10, CIFAR_PIXELS
    raise SystemExit(f"the peer has no network named {name}")
