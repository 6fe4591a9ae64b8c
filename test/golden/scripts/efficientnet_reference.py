"""EfficientNet B0 .. B8 and Lite 0 .. 4 in plain PyTorch with routed batch norms, from the published description; checks its counts.

    /usr/bin/python3 test/golden/scripts/efficientnet_reference.py

Tan and Le, "EfficientNet: Rethinking Model Scaling for CNNs", ICML 2019, with the official TensorFlow builder's
rules: 'SAME' padding (the smaller half before), channel and repeat rounding, squeeze width from the block's input
channels, batch norm eps 1e-3. Parameter names are timm's (`tf_efficientnet_*`); the auxiliary set of every batch norm
is <bn>.aux_bn.0.*. The Lite form has ReLU6 in the place of swish, no squeeze and excitation, stem and head of B0's width, and
as many blocks in the first and the last stage as B0. No dropout and no stochastic depth. Takes normalised images. Makes no file.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from torch_common import RoutedBatchNorm

# repeats, kernel, stride, expansion, output channels; squeeze ratio 0.25 in all
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
SQUEEZE_RATIO = 0.25

# width, depth, parameters of the plain network (one set of batch norms, 1000 classes), batch norms, their channels
MODELS = {
    "b0": (1.0, 1.0, 5_288_548, 49, 21_008),
    "b1": (1.0, 1.1, 7_794_184, 69, 31_024),
    "b2": (1.1, 1.2, 9_109_994, 69, 33_784),
    "b3": (1.2, 1.4, 12_233_232, 78, 43_648),
    "b4": (1.4, 1.8, 19_341_616, 96, 62_600),
    "b5": (1.6, 2.2, 30_389_784, 116, 86_368),
    "b6": (1.8, 2.6, 43_040_704, 134, 112_216),
    "b7": (2.0, 3.1, 66_347_960, 163, 155_360),
    "b8": (2.2, 3.6, 87_413_142, 181, 190_016),
}
LITE_MODELS = {
    "lite0": (1.0, 1.0, 4_652_008, 49, 21_008),
    "lite1": (1.0, 1.1, 5_416_680, 64, 26_832),
    "lite2": (1.1, 1.2, 6_092_072, 64, 29_048),
    "lite3": (1.2, 1.4, 8_197_096, 73, 38_336),
    "lite4": (1.4, 1.8, 13_006_568, 91, 56_184),
}


def round_channels(channels, width):
    """To the nearest multiple of 8, at least 8, and up by 8 where rounding took more than a tenth away."""
    target = channels * width
    rounded = max(8, int(target + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * target else rounded


def batch_norm(channels, auxiliary):
    return RoutedBatchNorm(channels, eps=1e-3, momentum=0.1, auxiliary=auxiliary)


class SameConvolution(nn.Module):
    """Convolution with TensorFlow's 'SAME' padding; weight (out, in / groups, kernel, kernel), not initialised."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1, bias=False):
        super().__init__()
        self.stride = stride
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None

    def forward(self, x):
        kernel = self.weight.shape[-1]
        padding = []
        for size in (x.shape[3], x.shape[2]):  # F.pad starts with the last dimension
            total = max((math.ceil(size / self.stride) - 1) * self.stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, padding), self.weight, self.bias, self.stride, groups=self.groups)


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, block_inputs):
        super().__init__()
        squeezed = max(1, int(block_inputs * SQUEEZE_RATIO))
        self.conv_reduce = SameConvolution(channels, squeezed, 1, bias=True)
        self.conv_expand = SameConvolution(squeezed, channels, 1, bias=True)

    def forward(self, x):
        gate = self.conv_expand(F.silu(self.conv_reduce(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)


class SeparableBlock(nn.Module):
    """The block without expansion: depthwise, squeeze and excitation, projection (conv_pw, bn2)."""

    def __init__(self, inputs, outputs, kernel, stride, auxiliary, lite):
        super().__init__()
        self.activation = F.relu6 if lite else F.silu
        self.residual = stride == 1 and inputs == outputs
        self.conv_dw = SameConvolution(inputs, inputs, kernel, stride, groups=inputs)
        self.bn1 = batch_norm(inputs, auxiliary)
        self.se = nn.Identity() if lite else SqueezeExcitation(inputs, inputs)
        self.conv_pw = SameConvolution(inputs, outputs, 1)
        self.bn2 = batch_norm(outputs, auxiliary)

    def forward(self, x, context):
        y = self.activation(self.bn1(self.conv_dw(x), context))
        y = self.bn2(self.conv_pw(self.se(y)), context)
        return x + y if self.residual else y


class InvertedBlock(nn.Module):
    """Expansion (conv_pw, bn1), depthwise (conv_dw, bn2), squeeze and excitation, projection (conv_pwl, bn3)."""

    def __init__(self, inputs, outputs, kernel, stride, expansion, auxiliary, lite):
        super().__init__()
        self.activation = F.relu6 if lite else F.silu
        expanded = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.conv_pw = SameConvolution(inputs, expanded, 1)
        self.bn1 = batch_norm(expanded, auxiliary)
        self.conv_dw = SameConvolution(expanded, expanded, kernel, stride, groups=expanded)
        self.bn2 = batch_norm(expanded, auxiliary)
        self.se = nn.Identity() if lite else SqueezeExcitation(expanded, inputs)
        self.conv_pwl = SameConvolution(expanded, outputs, 1)
        self.bn3 = batch_norm(outputs, auxiliary)

    def forward(self, x, context):
        y = self.activation(self.bn1(self.conv_pw(x), context))
        y = self.activation(self.bn2(self.conv_dw(y), context))
        y = self.bn3(self.conv_pwl(self.se(y)), context)
        return x + y if self.residual else y


class EfficientNet(nn.Module):
    """Logits (N, classes) from normalised images (N, 3, H, W)."""

    def __init__(self, width, depth, classes, auxiliary=1, lite=False):
        super().__init__()
        self.activation = F.relu6 if lite else F.silu
        channels = round_channels(STEM_CHANNELS, 1 if lite else width)
        self.conv_stem = SameConvolution(3, channels, 3, stride=2)
        self.bn1 = batch_norm(channels, auxiliary)
        self.blocks = nn.ModuleList()
        for place, (repeats, kernel, stride, expansion, stage_channels) in enumerate(STAGES):
            outputs = round_channels(stage_channels, width)
            stage = nn.ModuleList()
            fixed = lite and place in (0, len(STAGES) - 1)
            for repeat in range(repeats if fixed else math.ceil(depth * repeats)):
                block_stride = stride if repeat == 0 else 1
                if expansion == 1:
                    stage.append(SeparableBlock(channels, outputs, kernel, block_stride, auxiliary, lite))
                else:
                    stage.append(InvertedBlock(channels, outputs, kernel, block_stride, expansion, auxiliary, lite))
                channels = outputs
            self.blocks.append(stage)
        head = round_channels(HEAD_CHANNELS, 1 if lite else width)
        self.conv_head = SameConvolution(channels, head, 1)
        self.bn2 = batch_norm(head, auxiliary)
        self.classifier = nn.Linear(head, classes)

    def forward(self, x, context):
        x = self.activation(self.bn1(self.conv_stem(x), context))
        for stage in self.blocks:
            for block in stage:
                x = block(x, context)
        x = self.activation(self.bn2(self.conv_head(x), context))
        return self.classifier(x.mean((2, 3)))


def check_counts():
    for name, (width, depth, parameters, norms, norm_channels) in {**MODELS, **LITE_MODELS}.items():
        lite = name in LITE_MODELS
        model = EfficientNet(width, depth, classes=1000, auxiliary=0, lite=lite)
        sizes = [module.weight.numel() for module in model.modules() if isinstance(module, RoutedBatchNorm)]
        found = (sum(parameter.numel() for parameter in model.parameters()), len(sizes), sum(sizes))
        assert found == (parameters, norms, norm_channels), f"{name}: {found}"
        routed = sum(parameter.numel() for parameter in EfficientNet(width, depth, classes=1000, lite=lite).parameters())
        assert routed == parameters + 2 * norm_channels, f"{name}: {routed} with the auxiliary set"


if __name__ == "__main__":
    check_counts()
    print("parameters, batch norms and their channels of B0 .. B8 and Lite 0 .. 4 are the published ones")
