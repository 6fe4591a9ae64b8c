"""Makes pgd.safetensors: L-infinity PGD on a fixed two-layer network, NumPy float64, gradient written by hand.

    /usr/bin/python3 test/golden/scripts/make_pgd.py

Network on the flattened (C, H, W) pixels: logits = relu(x weight1^T + bias1) weight2^T + bias2. Pixel 5 has weight
zero, so its gradient is exactly zero and sign(0) = 0 must leave it where it started. Some pixels are 0 and 1, so the
clips to [0, 1] act. The attack is common.pgd with the random start and target of the keys (seed 7, `epoch`,
`samples`): common.attack_start and common.attack_targets say how.

Metadata: `seed`, `epoch`, and `cases`, a map of case name to {"target": "random" | "none", "randomStart": bool,
"epsilon", "stepSize", "steps"}. Keys:

    weight1, bias1, weight2, bias2    F64
    images                            F64 (N, C, H, W) in [0, 1]
    labels, samples                   I64 (N)
    <case>/targets                    I64 (N), with a random target only
    <case>/iterate.<k>                F64 (N, C, H, W), k = 0 (the clipped start) .. steps
    <case>/loss.<k>                   F64 (N), cross entropy of each image at iterate k: to the target, or of the label
"""

import numpy as np

import philox
from common import SEED, attack_start, attack_targets, pgd, save

SHAPE = (6, 3, 4, 4)
HIDDEN = 16
CLASSES = 5
EPOCH = 2
# Draws belong to samples, whatever their order in the batch; the last one is the largest that fits the counter word.
SAMPLES = np.array([3, 0, 17, 49999, 4, 2**32 - 1])
LABELS = np.array([0, 1, 2, 3, 4, 0])


def case(target, random_start=True, epsilon=8 / 255, step_size=2 / 255, steps=6):
    return {
        "target": target,
        "randomStart": random_start,
        "epsilon": epsilon,
        "stepSize": step_size,
        "steps": steps,
    }


CASES = {
    "targeted": case("random"),
    "untargeted": case("none"),
    "untargeted_clean_start": case("none", random_start=False, epsilon=4 / 255, step_size=1 / 255, steps=5),
    "one_step": case("random", epsilon=1 / 255, step_size=1 / 255, steps=1),
}


def make_network():
    pixels = int(np.prod(SHAPE[1:]))
    network = {
        "weight1": philox.tensor(0, (HIDDEN, pixels), 0.4),
        "bias1": philox.tensor(1, (HIDDEN,), 0.2),
        "weight2": philox.tensor(2, (CLASSES, HIDDEN), 0.6),
        "bias2": philox.tensor(3, (CLASSES,), 0.2),
    }
    network["weight1"][:, 5] = 0
    return network


def cross_entropy(network, images, labels):
    """Per-image cross entropy (N) and its gradient with respect to the images."""
    x = images.reshape(len(images), -1)
    hidden = x @ network["weight1"].T + network["bias1"]
    logits = np.maximum(hidden, 0) @ network["weight2"].T + network["bias2"]
    shifted = logits - logits.max(1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    rows = np.arange(len(labels))
    grad_logits = np.exp(log_probabilities)
    grad_logits[rows, labels] -= 1
    grad_hidden = (grad_logits @ network["weight2"]) * (hidden > 0)
    return -log_probabilities[rows, labels], (grad_hidden @ network["weight1"]).reshape(images.shape)


def main():
    network = make_network()
    images = (philox.tensor(4, SHAPE) + 1) / 2
    images.reshape(-1)[::11] = 0
    images.reshape(-1)[1::11] = 1
    tensors = {**network, "images": images, "labels": LABELS, "samples": SAMPLES}

    for name, settings in CASES.items():
        targeted = settings["target"] == "random"
        aims = attack_targets(LABELS, CLASSES, EPOCH, SAMPLES) if targeted else LABELS
        if targeted:
            assert (aims != LABELS).all()
            tensors[f"{name}/targets"] = aims
        start = attack_start(SHAPE, settings["epsilon"], EPOCH, SAMPLES)
        iterates = pgd(
            lambda x: cross_entropy(network, x, aims)[1],
            images,
            settings["epsilon"],
            settings["stepSize"],
            settings["steps"],
            -1 if targeted else 1,
            start if settings["randomStart"] else np.zeros(SHAPE),
        )
        for k, iterate in enumerate(iterates):
            loss, gradient = cross_entropy(network, iterate, aims)
            # No sign may hang on rounding: a gradient is zero exactly (pixel 5) or well away from it.
            assert (gradient.reshape(len(images), -1)[:, 5] == 0).all()
            assert (np.delete(np.abs(gradient.reshape(len(images), -1)), 5, axis=1) > 1e-5).all()
            tensors[f"{name}/iterate.{k}"] = iterate
            tensors[f"{name}/loss.{k}"] = loss
        print(name, "mean loss", tensors[f"{name}/loss.0"].mean(), "->", loss.mean())
    save("pgd", tensors, {"seed": SEED, "epoch": EPOCH, "cases": CASES})


if __name__ == "__main__":
    main()
