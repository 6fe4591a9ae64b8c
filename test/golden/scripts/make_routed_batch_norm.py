"""Makes routed_batch_norm.safetensors: routed batch norm in NumPy float64, written from the formula.

    /usr/bin/python3 test/golden/scripts/make_routed_batch_norm.py

One layer of 3 channels with routes main and aux meets the passes of metadata `steps`, in order; each is
{"route": "main" | "aux", "statistics": "batch" | "running", "update": bool}. Route main is met often enough that the
update factor reaches the momentum. With x of shape (N, C, H, W), n = N * H * W, moments over N, H, W:

    batch    mean = sum(x) / n,  variance = sum((x - mean)^2) / n
    running  mean, variance = the running ones as they were before this pass
    output = (x - mean) / sqrt(variance + eps) * weight + bias
    update:  factor = max(momentum, 1 / (t + 1)), t = batches this route has tracked before this one
             running_mean += factor * (batch mean - running_mean)
             running_var  += factor * (batch variance * n / (n - 1) - running_var);  t += 1

"running" with an update reads first and updates afterwards, from the statistics of the batch.

Metadata: `steps`, `eps`, `momentum`, `names` (the state names below). Keys, all F64 except the I64 counters:

    initial/<name>, <k>/after/<name>   the state before the first pass and after pass k; <name> is weight, bias,
                                       running_mean, running_var, num_batches_tracked, each also under aux_bn.0.
                                       (weight and bias never change and are stored under initial/ only)
    <k>/input, <k>/weighting, <k>/output    (N, C, H, W) of pass k
    <k>/grad.input, <k>/grad.weight, <k>/grad.bias    gradients of sum(output * weighting); the last two belong to
                                                      the parameters of the pass's route
"""

import numpy as np

import philox
from common import save

CHANNELS = 3
SHAPE = (4, CHANNELS, 2, 3)
EPS = 1e-5
MOMENTUM = 0.1
PREFIXES = {"main": "", "aux": "aux_bn.0."}
AXES = (0, 2, 3)


def step(route, statistics, update):
    return {"route": route, "statistics": statistics, "update": update}


STEPS = [
    step("main", "running", False),  # the initial statistics: mean 0, variance 1
    step("aux", "running", False),
    step("main", "batch", False),
    step("aux", "batch", False),
    step("main", "batch", True),  # the first batch replaces the initial values
    step("aux", "batch", True),
    step("aux", "running", False),
    step("aux", "running", True),
    *[step("main", "batch", True)] * 11,  # the factor goes from 1/2 to the momentum
    step("main", "running", True),
    step("main", "running", False),
    step("aux", "batch", True),
    step("aux", "batch", False),
]


def columns(values):
    """(C) -> (C, 1, 1), to broadcast against (N, C, H, W)."""
    return values[:, None, None]


def routed_batch_norm(state, prefix, x, weighting, statistics, update):
    """One pass; returns output and gradients, and updates the state of its route where asked."""
    weight, bias = state[prefix + "weight"], state[prefix + "bias"]
    n = x.size // CHANNELS
    batch_mean = x.sum(AXES) / n
    batch_variance = ((x - columns(batch_mean)) ** 2).sum(AXES) / n
    if statistics == "batch":
        mean, variance = batch_mean, batch_variance
    else:
        mean, variance = state[prefix + "running_mean"], state[prefix + "running_var"]

    inverse_deviation = 1 / np.sqrt(variance + EPS)
    normalized = (x - columns(mean)) * columns(inverse_deviation)
    grad_weight = (weighting * normalized).sum(AXES)
    grad_bias = weighting.sum(AXES)
    grad_input = weighting
    if statistics == "batch":
        # The mean and the variance depend on the input too.
        grad_input = weighting - columns(grad_bias / n) - normalized * columns(grad_weight / n)

    if update:
        factor = max(MOMENTUM, 1 / (state[prefix + "num_batches_tracked"] + 1))
        observed = {"running_mean": batch_mean, "running_var": batch_variance * n / (n - 1)}
        for name, value in observed.items():
            state[prefix + name] = state[prefix + name] + factor * (value - state[prefix + name])
        state[prefix + "num_batches_tracked"] = state[prefix + "num_batches_tracked"] + 1

    return {
        "output": normalized * columns(weight) + columns(bias),
        "grad.input": grad_input * columns(weight * inverse_deviation),
        "grad.weight": grad_weight,
        "grad.bias": grad_bias,
    }


def main():
    state = {}
    for index, prefix in enumerate(PREFIXES.values()):
        state[prefix + "weight"] = 1 + philox.tensor(2 * index, (CHANNELS,), 0.5)
        state[prefix + "bias"] = philox.tensor(2 * index + 1, (CHANNELS,), 0.5)
        state[prefix + "running_mean"] = np.zeros(CHANNELS)
        state[prefix + "running_var"] = np.ones(CHANNELS)
        state[prefix + "num_batches_tracked"] = np.int64(0)

    tensors = {f"initial/{name}": value for name, value in state.items()}
    # Channels differ in mean and spread, and drift from pass to pass, so that every batch has statistics of its own.
    center = columns(np.array([-3.0, 0.5, 40.0]))
    spread = columns(np.array([0.1, 1.0, 7.0]))
    for k, pass_ in enumerate(STEPS):
        x = center * (1 + 0.05 * k) + spread * philox.tensor(100 + 2 * k, SHAPE)
        weighting = philox.tensor(101 + 2 * k, SHAPE)
        results = routed_batch_norm(state, PREFIXES[pass_["route"]], x, weighting, pass_["statistics"], pass_["update"])
        tensors.update({f"{k}/input": x, f"{k}/weighting": weighting})
        tensors.update({f"{k}/{key}": value for key, value in results.items()})
        changing = {name: value for name, value in state.items() if not name.endswith(("weight", "bias"))}
        tensors.update({f"{k}/after/{name}": value for name, value in changing.items()})
    metadata = {"steps": STEPS, "eps": EPS, "momentum": MOMENTUM, "names": list(state)}
    save("routed_batch_norm", tensors, metadata)


if __name__ == "__main__":
    main()
