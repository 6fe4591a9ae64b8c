"""APGD in NumPy float64, from Algorithm 1 of Croce and Hein 2020, https://arxiv.org/abs/2003.01690

apgd.safetensors holds, for each case of the metadata, `<case>/iterate.<k>`: the points x^(k), k = 0 .. steps, at which
Auto-PGD asks the network (N, C, H, W), before any goes back to the best; `<case>/loss.<k>` (N) the objective there;
`<case>/step.<k>` (N) the step size eta^(k) with which x^(k+1) is made.

The network is that of make_pgd.py with a smooth activation (sigmoid), so that no sign of a gradient hangs on a kink. Its
labels are its own predictions and epsilon is small, so that no image is ever misclassified and the search never ends early.
"""

import numpy as np

import philox
from common import SEED, attack_start, save

SHAPE = (5, 3, 4, 4)
HIDDEN = 16
CLASSES = 6
SAMPLES = np.array([3, 9, 0, 49999, 12])
EPOCH = 1
CASES = {
    "ce": {"loss": "ce", "epsilon": 2 / 255, "steps": 20},
    "dlr": {"loss": "dlr", "epsilon": 2 / 255, "steps": 20},
    "targeted": {"loss": "targeted", "epsilon": 2 / 255, "steps": 12},
}
RANK = 2


def make_network():
    pixels = int(np.prod(SHAPE[1:]))
    return {
        "weight1": philox.tensor(0, (HIDDEN, pixels), 3.0),
        "bias1": philox.tensor(1, (HIDDEN,), 1.0),
        "weight2": philox.tensor(2, (CLASSES, HIDDEN), 2.0),
        "bias2": philox.tensor(3, (CLASSES,), 0.5),
    }


def forward(network, images):
    hidden = 1 / (1 + np.exp(-(images.reshape(len(images), -1) @ network["weight1"].T + network["bias1"])))
    return hidden, hidden @ network["weight2"].T + network["bias2"]


def objective(kind, logits, labels, targets):
    """Value (N) and gradient with respect to the logits (N, K)."""
    rows = np.arange(len(labels))
    if kind == "ce":
        shifted = logits - logits.max(1, keepdims=True)
        probabilities = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
        gradient = probabilities.copy()
        gradient[rows, labels] -= 1
        return -np.log(probabilities[rows, labels]), gradient
    order = np.argsort(-logits, axis=1)
    others = logits.copy()
    others[rows, labels] = -np.inf
    aim = others.argmax(1) if kind == "dlr" else targets
    above = np.zeros_like(logits)
    above[rows, labels] += 1
    above[rows, aim] -= 1
    below = np.zeros_like(logits)
    below[rows, order[:, 0]] += 1
    if kind == "dlr":
        below[rows, order[:, 2]] -= 1
    else:
        below[rows, order[:, 2]] -= 0.5
        below[rows, order[:, 3]] -= 0.5
    top = (above * logits).sum(1, keepdims=True)
    bottom = (below * logits).sum(1, keepdims=True)
    value = -top / bottom
    return value[:, 0], -above / bottom + top * below / bottom**2


def evaluate(network, kind, images, labels, targets):
    hidden, logits = forward(network, images)
    assert (logits.argmax(1) == labels).all()
    value, grad_logits = objective(kind, logits, labels, targets)
    grad_hidden = (grad_logits @ network["weight2"]) * hidden * (1 - hidden)
    gradient = (grad_hidden @ network["weight1"]).reshape(images.shape)
    assert (np.abs(gradient) > 1e-9).all()
    return value, gradient


def checkpoints(steps):
    shares = [0.0, 0.22]
    while True:
        following = shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06)
        if following > 1 + 1e-9:
            return [int(np.ceil(round(share * steps, 9))) for share in shares]
        shares.append(following)


def apgd(network, kind, images, labels, targets, epsilon, steps, start):
    def project(x):
        return np.clip(np.clip(x, images - epsilon, images + epsilon), 0, 1)

    def each(values):
        return values.reshape(-1, 1, 1, 1)

    count = len(images)
    marks = checkpoints(steps)
    asked, losses, sizes = [], [], []
    f = {}  # f[k] (N): the objective at the k-th point of the sequence, after a restart that of the best
    x = {0: project(images + start)}
    f[0], gradient = evaluate(network, kind, x[0], labels, targets)
    asked.append(x[0])
    losses.append(f[0])
    eta = np.full(count, 2 * epsilon)
    best, best_f, best_gradient = x[0], f[0], gradient
    best_at_mark, eta_at_mark = None, None
    for k in range(steps):
        sizes.append(eta.copy())
        z = project(x[k] + each(eta) * np.sign(gradient))
        if k == 0:
            following = z
        else:
            following = project(x[k] + 0.75 * (z - x[k]) + 0.25 * (x[k] - x[k - 1]))
        value, new_gradient = evaluate(network, kind, following, labels, targets)
        asked.append(following)
        losses.append(value)
        better = value > best_f
        best = np.where(each(better), following, best)
        best_gradient = np.where(each(better), new_gradient, best_gradient)
        best_f = np.where(better, value, best_f)
        x[k + 1], f[k + 1], gradient = following, value, new_gradient
        if k == 0:
            best_at_mark, eta_at_mark = best_f, eta.copy()
        if k in marks[1:]:
            j = marks.index(k)
            rises = sum((f[i + 1] > f[i]).astype(int) for i in range(marks[j - 1], marks[j]))
            first = rises < 0.75 * (marks[j] - marks[j - 1])
            second = (eta == eta_at_mark) & (best_f == best_at_mark)
            halve = first | second
            # eta^(w_j) of the next check's condition 2 is the size before this halving.
            best_at_mark, eta_at_mark = best_f, eta.copy()
            eta = np.where(halve, eta / 2, eta)
            x[k + 1] = np.where(each(halve), best, following)
            f[k + 1] = np.where(halve, best_f, value)
            gradient = np.where(each(halve), best_gradient, new_gradient)
    return asked, losses, sizes


def main():
    network = make_network()
    images = (philox.tensor(4, SHAPE) + 1) / 2
    images.reshape(-1)[::11] = 0
    images.reshape(-1)[1::11] = 1
    logits = forward(network, images)[1]
    labels = logits.argmax(1)
    others = logits.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    targets = np.argsort(-others, axis=1, kind="stable")[:, RANK - 1]
    tensors = {**network, "images": images, "labels": labels, "samples": SAMPLES}
    for name, case in CASES.items():
        start = attack_start(SHAPE, case["epsilon"], EPOCH, SAMPLES)
        asked, losses, sizes = apgd(
            network, case["loss"], images, labels, targets, case["epsilon"], case["steps"], start
        )
        for k, (point, loss) in enumerate(zip(asked, losses)):
            tensors[f"{name}/iterate.{k}"] = point
            tensors[f"{name}/loss.{k}"] = loss
        print(name, "objective", losses[0].mean(), "->", losses[-1].mean(), "last eta / first", sizes[-1] / sizes[0])
    metadata = {"seed": SEED, "epoch": EPOCH, "rank": RANK, "cases": CASES}
    save("apgd", tensors, metadata)


if __name__ == "__main__":
    main()
