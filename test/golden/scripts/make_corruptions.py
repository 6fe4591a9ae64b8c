"""Golden values of the corruptions, by their definition (corruption_definitions.py).

corruptions.safetensors holds, for NAME of the corruptions but frost, SEVERITY 1 .. 5 and SIDE 32, 64, 224 (the published
sizes, each with its table):

    NAME/SEVERITY/SIDE    every STRIDE-th byte of `picture(SIDE)` corrupted with the keyed draws of seed 7, sample 3, as uint8
    NAME/SEVERITY/draws   for the random ones, (2, 7) float64: mean and standard deviation over DRAWS independent corruptions
                          of `picture(32)`, drawn by NumPy, of `statistics` of the difference from the picture

Metadata: seed, sample, strides (a map from side), draws. The tables are read from src/corruptions/severity-tables.ts, as
`node --print` gives them, so build first (npm run build).

Debian 12: apt-get install --no-install-recommends python3-numpy python3-scipy python3-pil python3-skimage python3-opencv
python3-wand; then /usr/bin/python3 test/golden/scripts/make_corruptions.py
"""

import json
import subprocess
from pathlib import Path

import numpy as np

import corruption_definitions as definitions
import philox
from common import SEED, every, save

SAMPLE = 3
STRIDES = {32: 1, 64: 11, 224: 101}
DRAWS = 100
SYNTHESIS = 13
ROOT = Path(__file__).parents[3]
RANDOM = ["gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "snow", "fog", "elastic_transform"]
RANDOM += ["speckle_noise", "spatter"]


def published():
    """Tables by side, and all names in order."""
    script = """
      import { CORRUPTIONS, EXTRA_CORRUPTIONS } from "./dist/corruptions/index.js";
      import { SEVERITY_TABLES } from "./dist/corruptions/severity-tables.js";
      console.log(JSON.stringify({ names: [...CORRUPTIONS, ...EXTRA_CORRUPTIONS], tables: Object.values(SEVERITY_TABLES) }));
    """
    command = ["node", "--input-type=module", "--eval", script]
    found = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    return {table["side"]: table["parameters"] for table in found["tables"]}, found["names"]


def picture(side):
    """Gradients, a white bar, a red disk and a chequered corner under a little noise, (side, side, 3) uint8.

    In whole numbers, so that the test makes the same one: the noise is integer(draw, 25) - 12 of seed 7, purpose 13,
    sample = side, and the draw the flat index.
    """
    y, x = np.mgrid[:side, :side]
    values = np.stack([255 * x // (side - 1), 255 * y // (side - 1), 255 * (x + y) // (2 * side - 2)], axis=-1)
    values[(8 * y >= side) & (8 * y < 2 * side)] = 255
    values[(8 * x - 3 * side) ** 2 + (8 * y - 5 * side) ** 2 < 4 * side**2] = [220, 60, 30]
    corner = (8 * x >= 5 * side) & (8 * y < 3 * side)
    values[corner] = (255 * ((16 * x // side + 16 * y // side) % 2))[corner][:, None]
    words = philox.words(values.size, SEED, SYNTHESIS, sample=side)
    noise = (words * np.uint64(25) >> np.uint64(32)).astype(np.int64).reshape(values.shape) - 12
    return np.clip(values + noise, 0, 255).astype(np.uint8)


def statistics(found, clean):
    """Mean absolute difference, mean and variance of the difference, and its power in four bands of spatial frequency.

    The bands are those of the two-dimensional spectrum |F|^2 / S^4 of the mean of the difference over the channels, over the
    larger of the two frequencies in cycles per image: 1-2, 3-5, 6-10 and 11-16 for S = 32.
    """
    difference = found.astype(np.float64) - clean
    side = len(clean)
    power = np.abs(np.fft.fft2(difference.mean(axis=-1))) ** 2 / side**4
    frequency = np.minimum(np.arange(side), side - np.arange(side))
    ring = np.maximum(frequency[:, None], frequency[None, :])
    bands = [power[(ring >= low) & (ring <= high)].sum() for low, high in ((1, 2), (3, 5), (6, 10), (11, 16))]
    return [np.abs(difference).mean(), difference.mean(), difference.var(), *bands]


def main():
    philox.check_known_answers()
    tables, names = published()
    tensors = {}
    for name in names:
        if name == "frost":
            continue
        corruption = getattr(definitions, name)
        for severity in range(1, 6):
            for side, stride in STRIDES.items():
                draws = definitions.KeyedDraws(SEED, names.index(name), severity, SAMPLE, 6 * side * side + 20_000)
                found = corruption(picture(side), tables[side][name][severity - 1], draws)
                tensors[f"{name}/{severity}/{side}"] = every(found, stride)
            if name not in RANDOM:
                continue
            clean = picture(32)
            draws = definitions.NumPyDraws(SEED)
            values = [statistics(corruption(clean, tables[32][name][severity - 1], draws), clean) for _ in range(DRAWS)]
            tensors[f"{name}/{severity}/draws"] = np.array([np.mean(values, axis=0), np.std(values, axis=0)])
        print(name, flush=True)
    save("corruptions", tensors, {"seed": SEED, "sample": SAMPLE, "strides": STRIDES, "draws": DRAWS})


if __name__ == "__main__":
    main()
