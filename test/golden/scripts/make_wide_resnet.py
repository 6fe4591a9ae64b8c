"""Makes wide_resnet.safetensors: logits and gradients of WRN-16-2 in float64.

    /usr/bin/python3 test/golden/scripts/make_wide_resnet.py

Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016, https://arxiv.org/abs/1605.07146: pre-activation basic
blocks; where the shape changes, the shortcut is a 1x1 convolution of the activated input. Names of
xternalz/WideResNet-pytorch; the auxiliary set of every batch norm is <bn>.aux_bn.0.*; eps 1e-5. 10 classes, a batch of
2 images of 16x16, for which no rectifier's argument is nearer to zero than 1e-5: a float32 kernel must not find it on the other
side.

State, input, labels, passes and keys are as in make_efficientnet.py (`classifier.weight` there is `fc.weight` here);
the sampling is 101.
"""

import torch.nn.functional as F
from torch import nn

from make_efficientnet import make
from torch_common import RoutedBatchNorm


def batch_norm(channels):
    return RoutedBatchNorm(channels, eps=1e-5, momentum=0.1)


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = batch_norm(inputs)
        self.conv1 = conv(inputs, outputs, 3, stride)
        self.bn2 = batch_norm(outputs)
        self.conv2 = conv(outputs, outputs, 3)
        self.convShortcut = conv(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x, context):
        activated = F.relu(self.bn1(x, context))
        y = self.conv2(F.relu(self.bn2(self.conv1(activated), context)))
        return y + (x if self.convShortcut is None else self.convShortcut(activated))


class Stage(nn.Module):
    def __init__(self, blocks, inputs, outputs, stride):
        super().__init__()
        self.layer = nn.ModuleList(
            Block(inputs if i == 0 else outputs, outputs, stride if i == 0 else 1) for i in range(blocks)
        )

    def forward(self, x, context):
        for block in self.layer:
            x = block(x, context)
        return x


class WideResNet(nn.Module):
    """Logits (N, classes) from normalised images (N, 3, H, W)."""

    def __init__(self, depth, width, classes):
        super().__init__()
        blocks = (depth - 4) // 6
        self.conv1 = conv(3, 16, 3)
        self.block1 = Stage(blocks, 16, 16 * width, 1)
        self.block2 = Stage(blocks, 16 * width, 32 * width, 2)
        self.block3 = Stage(blocks, 32 * width, 64 * width, 2)
        self.bn1 = batch_norm(64 * width)
        self.fc = nn.Linear(64 * width, classes)

    def forward(self, x, context):
        x = self.block3(self.block2(self.block1(self.conv1(x), context), context), context)
        return self.fc(F.relu(self.bn1(x, context)).mean((2, 3)))


def main():
    make("wide_resnet", lambda: WideResNet(16, 2, 10), classes=10, batch=2, size=16, sampling=101)


if __name__ == "__main__":
    main()
