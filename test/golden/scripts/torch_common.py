"""What the golden networks share: routed batch norm in plain PyTorch, and gradients by name. Makes no file."""

from dataclasses import dataclass

import torch
from torch import nn

torch.set_num_threads(1)

MAIN = "main"
AUX = "aux"


@dataclass(frozen=True)
class Context:
    """How a pass meets the batch norms: which set, with which statistics, and whether it updates the running ones."""

    route: str
    statistics: str  # "batch" | "running"
    update: bool


class BatchNormSet(nn.Module):
    """Scale, shift and statistics of one route; starts at scale 1, shift 0, mean 0, variance 1, no batch tracked."""

    def __init__(self, channels, eps, momentum):
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def normalize(self, x, context):
        if context.statistics == "batch":
            mean = x.mean((0, 2, 3))
            variance = x.var((0, 2, 3), unbiased=False)
        else:
            mean, variance = self.running_mean.clone(), self.running_var.clone()
        if context.update:
            self.track(x.detach())
        scale = self.weight / torch.sqrt(variance + self.eps)
        return (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]

    def track(self, x):
        """running += factor * (batch - running), factor = max(momentum, 1 / (t + 1)), t the batches tracked before."""
        factor = max(self.momentum, 1 / (self.num_batches_tracked.item() + 1))
        self.running_mean.lerp_(x.mean((0, 2, 3)), factor)
        self.running_var.lerp_(x.var((0, 2, 3), unbiased=True), factor)
        self.num_batches_tracked += 1


class RoutedBatchNorm(BatchNormSet):
    """The set of route main under plain names and, unless auxiliary is 0, the set of route aux under aux_bn.0."""

    def __init__(self, channels, eps, momentum, auxiliary=1):
        super().__init__(channels, eps, momentum)
        self.aux_bn = nn.ModuleList(BatchNormSet(channels, eps, momentum) for _ in range(auxiliary))

    def forward(self, x, context):
        chosen = {MAIN: self, AUX: self.aux_bn[0] if self.aux_bn else None}[context.route]
        return chosen.normalize(x, context)


def is_auxiliary(name):
    return ".aux_bn." in name


def gradients(loss, model):
    """Map of names to the gradients of the parameters that take part in the loss, as float64 NumPy arrays."""
    names, parameters = zip(*model.named_parameters())
    values = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {name: value.double().numpy() for name, value in zip(names, values) if value is not None}
