"""What several golden scripts share and NumPy suffices for. Makes no file by itself."""

from pathlib import Path

import numpy as np

import philox
import safetensors_io

SEED = 7


def save(name, tensors, metadata):
    """Writes test/golden/<name>.safetensors and says so."""
    path = Path(__file__).parents[1] / "values" / f"{name}.safetensors"
    safetensors_io.write(path, tensors, metadata)
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size / 1e6:.2f} MB")


def every(array, stride):
    """Elements 0, stride, 2 * stride, ... of the flattened array."""
    return np.asarray(array).reshape(-1)[::stride]


def relative_l2(found, expected):
    """Norm of the difference over norm of the expected value."""
    difference = np.asarray(found, dtype=np.float64) - np.asarray(expected)
    return float(np.linalg.norm(difference) / np.linalg.norm(expected))


def attack_start(shape, epsilon, epoch, samples):
    """Random start (N, C, H, W), uniform in [-epsilon, epsilon): the draw is the flat (C, H, W) index."""
    count = int(np.prod(shape[1:]))
    noise = [philox.uniform(count, SEED, philox.ATTACK_START, epoch, int(sample)) for sample in samples]
    return ((2 * np.stack(noise) - 1) * epsilon).reshape(shape)


def attack_targets(labels, classes, epoch, samples):
    """A class that is never the label: (label + 1 + integer in [0, K-1)) mod K, draw 0 of the sample's key."""
    offsets = [
        philox.integer(classes - 1, SEED, philox.ATTACK_TARGET, epoch, int(sample)) for sample in samples
    ]
    return (np.asarray(labels) + 1 + np.asarray(offsets)) % classes


def pgd(gradient, images, epsilon, step_size, steps, direction, start):
    """L-infinity PGD in [0, 1] in the dtype of the images; returns its `steps` + 1 iterates.

    gradient(x) is the gradient of the cross entropy at x; direction is -1 to descend (towards a target) and +1 to
    ascend (away from the label). x_0 = clip(images + start, 0, 1);
    x_{k+1} = clip(clip(x_k + direction * step_size * sign(gradient(x_k)), images +- epsilon), 0, 1), sign(0) = 0.
    """
    x = np.clip(images + start.astype(images.dtype), 0, 1)
    iterates = [x]
    for _ in range(steps):
        moved = x + direction * step_size * np.sign(gradient(x))
        x = np.clip(np.clip(moved, images - epsilon, images + epsilon), 0, 1)
        iterates.append(x)
    assert all(iterate.dtype == images.dtype for iterate in iterates)
    return iterates
