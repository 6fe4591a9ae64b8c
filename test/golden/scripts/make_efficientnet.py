"""Makes efficientnet_narrow.safetensors, efficientnet_b0.safetensors and efficientnet_lite.safetensors: logits and gradients in float64.

    /usr/bin/python3 test/golden/scripts/make_efficientnet.py [narrow | lite | b0 ...]

Networks of efficientnet_reference.py: `narrow` has width 0.25, depth 0.5 (the same rounding rules), 10 classes, a
batch of 8 images of 32x32; `lite` is the Lite form of the same; `b0` has width 1, depth 1, 1000 classes, a batch of 4 images of 64x64.

State. Sort the names of the whole state dict (main and auxiliary, parameters and running statistics, without
num_batches_tracked) by their ASCII codes, as JavaScript's sort() does; s is the place of a name in that list (metadata
`names`). Its value is philox.tensor(s, shape, scale) + offset:

    name ends in             scale                offset
    running_mean             0.2                  0
    running_var              0.1                  0.4
    weight, 4 dimensions     sqrt(3 / fan_in)     0        fan_in = in / groups * kernel^2
    classifier.weight        sqrt(3 / features)   0
    weight, 1 dimension      0.5                  1        (a batch norm's scale)
    bias                     0.2                  0

Input: philox.tensor(1000000, (N, 3, H, W), 1), in [-1, 1), taken as already normalised: it is what mean = std = 0.5
make of the pixels (x + 1) / 2, exactly. Loss: mean cross entropy without smoothing; image i has label (3 i + 1) mod K.

Four passes, none of which updates statistics: <pass> is main/batch, main/running, aux/batch, aux/running (route, then
statistics). Metadata: `names`, `parameters` (of each route, in the order of gradient_norms: the parameters that take
part, sorted as above), `sampling` (31 or 1009). Keys, F64 except labels:

    labels                     I64 (N)
    <pass>/logits              (N, K)
    <pass>/loss                scalar
    <pass>/grad.input          every 31st (narrow, lite) or 1009th (b0) element of the flattened gradient of the input
    <pass>/grad.<name>         the same of the gradient of each parameter that takes part
    <pass>/gradient_norms      (P) L2 norm of the whole gradient of each of `parameters`[route]

With batch statistics the shift of a block's last batch norm (bn3, or bn2 in blocks.0) has gradient zero, because the
next batch norm takes it away again: golden values there are rounding, about 1e-15, and need an absolute tolerance.

What fp32 reaches (printed by this script, PyTorch 1.13, of `lite` 2.13, one thread, AVX2): relative L2 of the logits, the gradient of
the input, the gradients of all parameters together, and the worst parameter whose gradient is not zero as above.

    pass                  std of  logits    input     gradients worst
                          logits
    narrow main batch     0.73    3.1e-06   8.9e-06   8.7e-06   2.0e-05
    narrow main running   0.25    5.6e-07   1.9e-06   1.4e-06   9.6e-06
    narrow aux batch      0.70    3.5e-06   7.9e-06   8.1e-06   1.2e-05
    narrow aux running    0.34    3.2e-07   1.4e-06   8.7e-07   1.0e-05
    lite main batch       0.58    9.1e-06   1.3e-05   1.3e-05   2.2e-05
    lite main running     1.12    7.5e-07   9.4e-07   8.8e-07   2.0e-06
    lite aux batch        0.60    1.1e-05   1.4e-05   1.4e-05   3.2e-05
    lite aux running      1.49    1.3e-06   1.2e-06   1.1e-06   2.4e-06
    lite main batch       0.58    9.1e-06   1.3e-05   1.3e-05   2.2e-05  (PyTorch 2.13)
    lite main running     1.12    7.5e-07   9.4e-07   8.8e-07   2.0e-06
    lite aux batch        0.60    1.1e-05   1.4e-05   1.4e-05   3.2e-05
    lite aux running      1.49    1.3e-06   1.2e-06   1.1e-06   2.4e-06
    b0 main batch         0.40    5.1e-06   1.2e-05   1.2e-05   1.8e-05
    b0 main running       1.87    1.7e-06   5.2e-06   4.4e-06   9.9e-06
    b0 aux batch          0.37    4.5e-06   1.5e-05   1.4e-05   2.1e-05
    b0 aux running        2.07    1.7e-06   3.7e-06   3.4e-06   6.1e-06
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

import philox
from common import every, relative_l2, save
from efficientnet_reference import EfficientNet, check_counts
from torch_common import AUX, MAIN, Context, gradients

INPUT_STREAM = 1_000_000

# width, depth, Lite form, classes, batch, image size, sampling of gradients
NETWORKS = {
    "narrow": (0.25, 0.5, False, 10, 8, 32, 31),
    "lite": (0.25, 0.5, True, 10, 8, 32, 31),
    "b0": (1.0, 1.0, False, 1000, 4, 64, 1009),
}


def state_names(model):
    return sorted(name for name in model.state_dict() if not name.endswith("num_batches_tracked"))


def scale_and_offset(name, shape):
    if name.endswith("running_mean"):
        return 0.2, 0
    if name.endswith("running_var"):
        return 0.1, 0.4
    if name.endswith("bias"):
        return 0.2, 0
    if len(shape) == 1:
        return 0.5, 1
    return np.sqrt(3 / np.prod(shape[1:])), 0


def fill(model):
    state = model.state_dict()
    for place, name in enumerate(state_names(model)):
        shape = tuple(state[name].shape)
        scale, offset = scale_and_offset(name, shape)
        state[name].copy_(torch.tensor(philox.tensor(place, shape, scale) + offset))


def run(model, context, x, labels):
    """Logits, loss, the gradient of the input, and those of the parameters by name in sorted order."""
    x = x.clone().requires_grad_()
    logits = model(x, context)
    loss = F.cross_entropy(logits, labels)
    grad_input = torch.autograd.grad(loss, x, retain_graph=True)[0]
    grads = gradients(loss, model)
    ordered = {name: grads[name] for name in sorted(grads)}
    return logits.detach().double().numpy(), loss.item(), grad_input.double().numpy(), ordered


def print_fp32_evidence(title, golden, found):
    """How far fp32 PyTorch lies from the golden pass; a gradient that is zero but for rounding is left out."""
    logits, _, grad_input, grads = golden
    whole = relative_l2(*(np.concatenate([g.ravel() for g in result[3].values()]) for result in (found, golden)))
    worst = max(relative_l2(found[3][name], value) for name, value in grads.items() if np.linalg.norm(value) > 1e-10)
    errors = (relative_l2(found[0], logits), relative_l2(found[2], grad_input), whole, worst)
    print(f"    {title:32} {np.std(logits):.2f}    " + "   ".join(f"{error:.1e}" for error in errors))


def make(title, network, classes, batch, size, sampling):
    model = network().double()
    fill(model)
    rounded = network()
    rounded.load_state_dict(model.state_dict())  # rounds to the copy's float32

    x = torch.tensor(philox.tensor(INPUT_STREAM, (batch, 3, size, size)))
    labels = (3 * torch.arange(batch) + 1) % classes
    tensors = {"labels": labels.numpy()}
    parameters = {}
    for route in (MAIN, AUX):
        for statistics in ("batch", "running"):
            context = Context(route, statistics, update=False)
            golden = run(model, context, x, labels)
            print_fp32_evidence(f"{title} {route} {statistics}", golden, run(rounded, context, x.float(), labels))
            logits, loss, grad_input, grads = golden
            prefix = f"{route}/{statistics}"
            tensors[f"{prefix}/logits"] = logits
            tensors[f"{prefix}/loss"] = np.float64(loss)
            tensors[f"{prefix}/grad.input"] = every(grad_input, sampling)
            tensors.update({f"{prefix}/grad.{name}": every(value, sampling) for name, value in grads.items()})
            tensors[f"{prefix}/gradient_norms"] = np.array([np.linalg.norm(value) for value in grads.values()])
            parameters[route] = list(grads)
    metadata = {"names": state_names(model), "parameters": parameters, "sampling": sampling}
    save(title, tensors, metadata)


def main():
    check_counts()
    for title in sys.argv[1:] or NETWORKS:
        width, depth, lite, classes, *settings = NETWORKS[title]
        make(f"efficientnet_{title}", lambda: EfficientNet(width, depth, classes, lite=lite), classes, *settings)


if __name__ == "__main__":
    main()
