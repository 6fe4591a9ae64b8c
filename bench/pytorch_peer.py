"""The benchmark's workloads in PyTorch: the same algorithm, written for speed. Speaks JSON lines with bench/contest.mjs.

    python3 bench/pytorch_peer.py --model efficientnet-b0 --method advprop --batch-size 16 --image-size 128 \
        --attack-steps 5 --precision fp32 --threads 2

Requests on standard input, one answer each on standard output:
    {"do": "warm-up"}            -> {"steps": 3}                  until memory is steady
    {"do": "steps", "count": 2}  -> {"ms": [..], "minorFaults": [..]}
    {"do": "peak"}               -> {"bytes": 1}                  most memory, less that before the network was made
    {"do": "check", "file": F}   -> {"losses": [[..], ..]}        steps from given weights, images, starts and targets

What makes it quick: channels-last; input gradients alone in the attack, whose parameters ask for none; running
statistics in the attack; one graph alive at a time; lists of parameters in one call of the optimiser; bf16 by autocast.
"""

import argparse
import json
import resource
import struct
import sys
import time

import torch
import torch.nn.functional as F

import peer_models
from peer_models import ADVERSARIAL, ATTACK, CLEAN

EPSILON, STEP_SIZE = 4 / 255, 1 / 255
RATE = 1e-3
WARM_UP_LEAST, WARM_UP_MOST, STEADY = 2, 6, 0.01


def status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key + ":"))


def minor_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


class Sgd:
    """Nesterov momentum; weight decay on all but norms."""

    def __init__(self, model):
        self.parameters, self.decayed = parameters_of(model)
        self.velocities = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        gradients = [p.grad for p in self.parameters]
        torch._foreach_add_([p.grad for p in self.decayed], self.decayed, alpha=5e-4)
        torch._foreach_mul_(self.velocities, 0.9)
        torch._foreach_add_(self.velocities, gradients)
        torch._foreach_add_(gradients, self.velocities, alpha=0.9)
        torch._foreach_add_(self.parameters, gradients, alpha=-RATE)


class RmsProp:
    """With epsilon inside the root and the mean square starting at one, as TensorFlow has it."""

    def __init__(self, model):
        self.parameters, self.decayed = parameters_of(model)
        self.squares = [torch.ones_like(p) for p in self.parameters]
        self.velocities = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        gradients = [p.grad for p in self.parameters]
        torch._foreach_add_([p.grad for p in self.decayed], self.decayed, alpha=1e-5)
        torch._foreach_mul_(self.squares, 0.9)
        torch._foreach_addcmul_(self.squares, gradients, gradients, value=0.1)
        roots = torch._foreach_add(self.squares, 1e-3)
        torch._foreach_sqrt_(roots)
        torch._foreach_mul_(self.velocities, 0.9)
        torch._foreach_addcdiv_(self.velocities, gradients, roots, value=RATE)
        torch._foreach_add_(self.parameters, self.velocities, alpha=-1)


def parameters_of(model):
    """All that learn, and those of them that decay."""
    norms = {p for m in model.modules() if isinstance(m, peer_models.BatchNorm) for p in m.parameters(recurse=False)}
    parameters = list(model.parameters())
    return parameters, [p for p in parameters if p not in norms]


class Workload:
    def __init__(self, arguments):
        torch.set_num_threads(arguments.threads)
        self.footprint = status("VmRSS")
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass  # the peak of the whole process: that of the steps, which take more than loading did
        self.device = arguments.device
        if self.device != "cpu":
            torch.set_default_device(self.device)  # PyTorch 2
            torch.backends.cudnn.benchmark = True
        torch.manual_seed(0)
        self.adversarial = arguments.method == "advprop"
        self.attack_steps = arguments.attack_steps
        self.bf16 = arguments.precision == "bf16"
        self.model, classes, pixels = peer_models.build(arguments.model, int(self.adversarial))
        self.model = self.model.to(memory_format=torch.channels_last)
        if arguments.compile:
            self.model = torch.compile(self.model)
        self.mean, self.deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in pixels)
        self.optimizer = (RmsProp if arguments.model.startswith("efficientnet") else Sgd)(self.model)
        shape = (arguments.batch_size, 3, arguments.image_size, arguments.image_size)
        pixels = torch.randint(256, shape, dtype=torch.uint8)
        self.pixels = pixels.contiguous(memory_format=torch.channels_last)
        self.labels = torch.randint(classes, shape[:1])
        self.classes = classes

    def loss(self, images, labels, context, reduction="mean"):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
            logits = self.model((images - self.mean) / self.deviation, context)
        return F.cross_entropy(logits.float(), labels, reduction=reduction)

    def attack(self, images, start, targets):
        low, high = (images - EPSILON).clamp_(0, 1), (images + EPSILON).clamp_(0, 1)
        x = start
        self.model.requires_grad_(False)
        for _ in range(self.attack_steps):
            x.requires_grad_()
            loss = self.loss(x, targets, ATTACK, "sum")
            (gradient,) = torch.autograd.grad(loss, x)
            x = x.detach().add_(gradient.sign_(), alpha=-STEP_SIZE)
            x = torch.minimum(torch.maximum(x, low, out=x), high, out=x)
        self.model.requires_grad_(True)
        return x

    def train(self, images, labels, context):
        loss = self.loss(images, labels, context)
        loss.backward()
        return loss.item()

    def step(self, images, start=None, targets=None, stochastic=True):
        losses = []
        contexts = [peer_models.replace(context, stochastic=stochastic) for context in (CLEAN, ADVERSARIAL)]
        if self.adversarial:
            if start is None:
                start = torch.rand_like(images).mul_(2).sub_(1).mul_(EPSILON).add_(images).clamp_(0, 1)
                targets = (self.labels + torch.randint(1, self.classes, self.labels.shape)) % self.classes
            adversarial = self.attack(images, start, targets)
        losses.append(self.train(images, self.labels, contexts[0]))
        if self.adversarial:
            losses.append(self.train(adversarial, self.labels, contexts[1]))
        self.optimizer.step()
        self.model.zero_grad(set_to_none=True)
        return losses

    def timed_step(self):
        faults, start = minor_faults(), time.perf_counter()
        self.step(self.pixels.float().div_(255))
        return 1000 * (time.perf_counter() - start), minor_faults() - faults

    def warm_up(self):
        for steps in range(1, WARM_UP_MOST + 1):
            before = status("VmHWM")
            self.timed_step()
            if steps >= WARM_UP_LEAST and status("VmHWM") - before <= STEADY * before:
                break
        return steps

    def check(self, path):
        """Losses of two steps from the weights of a file, without dropout and stochastic depth."""
        tensors = read_safetensors(path)
        images, start = (tensors.pop(name).contiguous(memory_format=torch.channels_last) for name in ("images", "start"))
        self.labels, targets = tensors.pop("labels"), tensors.pop("targets")
        self.model.load_state_dict(tensors, strict=True)
        return [self.step(images, start.clone(), targets, stochastic=False) for _ in range(2)]


def read_safetensors(path):
    types = {"F32": torch.float32, "I64": torch.int64}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(data[slice(*entry["data_offsets"])], dtype=types[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }


def answer(workload, request):
    if request["do"] == "warm-up":
        return {"steps": workload.warm_up()}
    if request["do"] == "steps":
        times, faults = zip(*(workload.timed_step() for _ in range(request["count"])))
        return {"ms": times, "minorFaults": faults}
    if request["do"] == "peak":
        return {"bytes": status("VmHWM") - workload.footprint}
    return {"losses": workload.check(request["file"])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", choices=("advprop", "vanilla"), required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--image-size", type=int, required=True)
    parser.add_argument("--attack-steps", type=int, default=5)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda needs PyTorch 2: docs/cuda.md")
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    workload = Workload(parser.parse_args())
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(workload, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
