"""Makes advprop_step_0 .. advprop_step_4.safetensors: five whole AdvProp steps of ResNet-20 on real CIFAR-10, float64.

    /usr/bin/python3 test/golden/scripts/make_advprop_steps.py --data ../shared/data/cifar10

Data. Each step sees 16 consecutive training images of data_batch_1.bin, a block in file order, pixels / 255, not
augmented; metadata `samples` says which. A block is passed over where fp32 does not suffice for it (below).
The model normalises with the mean and standard deviation of metadata.

Model. ResNet-20 for CIFAR (He, Zhang, Ren, Sun 2016, section 4.2): conv1 3x3 with 16 channels, three stages of three
basic blocks with 16, 32, 64 channels, the first block of stages 2 and 3 with stride 2, global average pool, fc.
Where the shape changes the shortcut takes every second pixel and adds zero channels, half before and half after (the
paper's option A, which has no parameters). Every batch norm has the sets main (<bn>.*) and aux (<bn>.aux_bn.0.*), eps 1e-5, momentum 0.1, update factor as in
make_routed_batch_norm.py.

Initial state. Main parameters in module order (conv1.weight, bn1.weight, bn1.bias, layer1.0.conv1.weight,
layer1.0.bn1.weight, ..., fc.weight, fc.bias; metadata `main_parameters`), p the place in that list:
convolutions philox.tensor(p, shape, sqrt(6 / fan_in)) with fan_in = in * kernel^2, fc.weight
philox.tensor(p, shape, 1 / sqrt(64)), fc.bias 0; both sets of every norm scale 1, shift 0, mean 0, variance 1, counter 0.

Step.
  1. Attack: PGD through aux with running statistics and no update; epsilon 2/255, step 1/255, 2 steps, random start
     and random target (common.py; seed 7, epoch 0, sample = image index), descending on the cross entropy to the target.
  2. Clean loss: mean cross entropy of the clean images through main, batch statistics, update.
  3. Adversarial loss: the same of the adversarial images (true labels) through aux, batch statistics, update.
  4. Gradients of the sum. SGD, learning rate 0.01, momentum 0.9, Nesterov, as PyTorch does it (the first velocity is
     the gradient; no dampening); weight decay 5e-4 added to the gradients of conv and fc weights, not to norm
     parameters and not to fc.bias.

Metadata (each file): `seed`, `epoch`, `samples`, `mean`, `std`, `main_parameters`, `sampling` (7). Keys:

    images.checksum        F64 (2), mean and mean square of the clean pixels in [0, 1]
    labels, targets        I64 (16)
    loss.clean, loss.adversarial    F64 scalars, before the update
    adversarial.mean       F64 scalar, mean of the adversarial pixels
    adversarial.indices    I64 (512), places in the flattened (N, C, H, W) batch
    adversarial.values     F64 (512), the adversarial pixels there
    gradient.<name>        F32, every 7th element of the flattened gradient of the sum of losses, without weight decay
    sample.<name>          F64, every 7th element of each flattened floating-point tensor of the state dict (all routes)
                           after the update
    state.<name>           F32 (counters I64), the whole state dict after the update; not in file 4: no step follows it

The state before step k is state.* of file k - 1, or the initial state.

What fp32 can show when each step starts from that rounded state. Where no ReLU input changes its side of zero, the
gradients of fp32 are off by 1e-6 (relative L2, all parameters together). Among the 6 million ReLU inputs of a step a
few lie so near zero that rounding decides; each that crosses is a jump of the gradient by 1e-5 to 2e-3, and which ones
do depends on the order of additions. So a block is taken only where PyTorch's fp32 is within 1e-4 in every one of the
settings that this script prints: layouts contiguous and channels-last, with oneDNN and without. The statistics of the
norms are PyTorch's mean and var here: its batch_norm kernel for channels-last adds in fp32 one after another and is
off by 1e-3 by itself. The attack's sign() has the same trouble, so an fp32 test is given the adversarial images of
float64; attacks are compared in float64.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import philox
from common import SEED, attack_start, attack_targets, every, pgd, relative_l2, save
from torch_common import AUX, MAIN, Context, RoutedBatchNorm, gradients, is_auxiliary

STEPS = 5
BATCH = 16
CLASSES = 10
EPOCH = 0
EPSILON = 2 / 255
STEP_SIZE = 1 / 255
ATTACK_STEPS = 2
LEARNING_RATE = 0.01
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
SAMPLING = 7
ADVERSARIAL_INDICES = np.arange(512) * 95  # spread over the 49152 pixels: the two share no factor
FP32_LIMIT = 1e-4


def batch_norm(channels):
    return RoutedBatchNorm(channels, eps=1e-5, momentum=0.1)


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = batch_norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = batch_norm(outputs)
        self.stride = stride
        self.added = outputs - inputs

    def forward(self, x, context):
        y = F.relu(self.bn1(self.conv1(x), context))
        y = self.bn2(self.conv2(y), context)
        x = x[:, :, :: self.stride, :: self.stride]
        return F.relu(F.pad(x, (0, 0, 0, 0, self.added // 2, self.added // 2)) + y)


class ResNet20(nn.Module):
    """Takes pixels in [0, 1] and normalises them."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = batch_norm(16)
        self.layer1 = nn.ModuleList([BasicBlock(16, 16, 1), BasicBlock(16, 16, 1), BasicBlock(16, 16, 1)])
        self.layer2 = nn.ModuleList([BasicBlock(16, 32, 2), BasicBlock(32, 32, 1), BasicBlock(32, 32, 1)])
        self.layer3 = nn.ModuleList([BasicBlock(32, 64, 2), BasicBlock(64, 64, 1), BasicBlock(64, 64, 1)])
        self.fc = nn.Linear(64, CLASSES)

    def forward(self, pixels, context):
        mean, std = (pixels.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        x = F.relu(self.bn1(self.conv1((pixels - mean) / std), context))
        for block in [*self.layer1, *self.layer2, *self.layer3]:
            x = block(x, context)
        return self.fc(x.mean((2, 3)))


def main_parameters(model):
    return [name for name, _ in model.named_parameters() if not is_auxiliary(name)]


def make_model():
    """The initial model in float64."""
    model = ResNet20().double()
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for place, name in enumerate(main_parameters(model)):
            parameter = parameters[name]
            if parameter.dim() == 4:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.tensor(philox.tensor(place, tuple(parameter.shape), np.sqrt(6 / fan_in))))
        fc_place = main_parameters(model).index("fc.weight")
        model.fc.weight.copy_(torch.tensor(philox.tensor(fc_place, (CLASSES, 64), 1 / np.sqrt(64))))
        model.fc.bias.zero_()
    return model


def read_images(folder, samples):
    """Pixels in [0, 1], float64 (N, 3, 32, 32), and labels: a record is a label byte, then the channels as planes."""
    records = np.fromfile(Path(folder) / "data_batch_1.bin", dtype=np.uint8).reshape(-1, 3073)[samples]
    return records[:, 1:].reshape(-1, 3, 32, 32) / 255, records[:, 0].astype(np.int64)


def attack(model, images, labels, samples):
    """Targets, and the adversarial images in the dtype of the model; changes nothing in the model."""
    targets = attack_targets(labels, CLASSES, EPOCH, samples)
    assert (targets != labels).all()

    def input_gradient(x):
        pixels = torch.tensor(x).requires_grad_()
        loss = F.cross_entropy(model(pixels, Context(AUX, "running", update=False)), torch.tensor(targets))
        return torch.autograd.grad(loss, pixels)[0].numpy()

    clean = torch.tensor(images, dtype=model.fc.weight.dtype).numpy()
    start = attack_start(images.shape, EPSILON, EPOCH, samples)
    return targets, pgd(input_gradient, clean, EPSILON, STEP_SIZE, ATTACK_STEPS, -1, start)[-1]


def losses_and_gradients(model, images, adversarial, labels, layout=torch.contiguous_format):
    """Both losses and the gradients of their sum, in the dtype of the model; updates the running statistics."""
    losses = []
    for batch, route in ((images, MAIN), (adversarial, AUX)):
        pixels = torch.tensor(batch, dtype=model.fc.weight.dtype).contiguous(memory_format=layout)
        logits = model(pixels, Context(route, "batch", update=True))
        losses.append(F.cross_entropy(logits, torch.tensor(labels)))
    return [loss.item() for loss in losses], gradients(sum(losses), model)


def sgd_update(model, gradient, velocity):
    """Nesterov momentum as torch.optim.SGD has it, written out; updates the model and the map of velocities."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            decayed = torch.tensor(gradient[name])
            if parameter.dim() > 1:
                decayed = decayed + WEIGHT_DECAY * parameter
            velocity[name] = MOMENTUM * velocity[name] + decayed if name in velocity else decayed
            parameter -= LEARNING_RATE * (decayed + MOMENTUM * velocity[name])


def fp32_copy(model):
    copy = ResNet20()
    copy.load_state_dict(model.state_dict())  # rounds to the copy's float32
    return copy


def fp32_error(model, images, adversarial, labels, golden):
    """The largest relative L2 error of the gradients in fp32, over layouts, with oneDNN and without."""
    whole = np.concatenate([value.ravel() for value in golden.values()])
    errors = []
    for layout in (torch.contiguous_format, torch.channels_last):
        for onednn in (True, False):
            with torch.backends.mkldnn.flags(enabled=onednn):
                copied = fp32_copy(model).to(memory_format=layout)
                found = losses_and_gradients(copied, images, adversarial, labels, layout)[1]
            errors.append(relative_l2(np.concatenate([found[name].ravel() for name in golden]), whole))
    print("  fp32:", " ".join(f"{error:.1e}" for error in errors))
    return max(errors)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="folder of the CIFAR-10 binary version")
    data = parser.parse_args().data

    model = make_model()
    velocity = {}
    block = -1
    for k in range(STEPS):
        while True:
            block += 1
            samples = np.arange(block * BATCH, (block + 1) * BATCH)
            images, labels = read_images(data, samples)
            before = copy.deepcopy(model)
            targets, adversarial = attack(model, images, labels, samples)
            losses, gradient = losses_and_gradients(model, images, adversarial, labels)
            if fp32_error(before, images, adversarial, labels, gradient) < FP32_LIMIT:
                break
            model = before
        print(f"step {k}, block {block}: clean loss {losses[0]:.6f}, adversarial loss {losses[1]:.6f}")
        sgd_update(model, gradient, velocity)

        state = {name: value.numpy() for name, value in model.state_dict().items()}
        floats = {name: value for name, value in state.items() if value.dtype == np.float64}
        tensors = {
            "images.checksum": np.array([images.mean(), (images**2).mean()]),
            "labels": labels,
            "targets": targets,
            "loss.clean": np.float64(losses[0]),
            "loss.adversarial": np.float64(losses[1]),
            "adversarial.mean": adversarial.mean(),
            "adversarial.indices": ADVERSARIAL_INDICES,
            "adversarial.values": adversarial.reshape(-1)[ADVERSARIAL_INDICES],
        }
        for name, value in gradient.items():
            tensors[f"gradient.{name}"] = every(value, SAMPLING).astype(np.float32)
        tensors.update({f"sample.{name}": every(value, SAMPLING) for name, value in floats.items()})
        if k < STEPS - 1:
            for name, value in state.items():
                tensors[f"state.{name}"] = value.astype(np.float32) if name in floats else value
        metadata = {
            "seed": SEED,
            "epoch": EPOCH,
            "samples": samples.tolist(),
            "mean": MEAN,
            "std": STD,
            "main_parameters": main_parameters(model),
            "sampling": SAMPLING,
        }
        save(f"advprop_step_{k}", tensors, metadata)


if __name__ == "__main__":
    main()
