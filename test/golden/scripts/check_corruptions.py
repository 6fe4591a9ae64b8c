"""Compares the corruptions with their definition on real images: CIFAR-10's at 32 pixels and a photograph at 224. Makes no file.

For each corruption and severity both sides corrupt DRAWS images: the first 20 test images of CIFAR-10 in turn, or scikit-image's
photograph of an astronaut, resized to 256 and cut to 224 as for ImageNet-C. The definition is corruption_definitions.py with
independent draws; frost takes three other photographs of scikit-image on both sides.

Deterministic ones: mean absolute difference in grey levels. Random ones: the mean over the draws of `statistics` (mean absolute
difference from the clean image, mean and variance of the difference, its power in bands of spatial frequency), compared draw by
draw on the same image: the largest |t| of the paired differences, which by chance is above the limit once in 100,000.

Debian 12: apt-get install --no-install-recommends python3-numpy python3-scipy python3-pil python3-skimage python3-opencv
python3-wand; npm run build; /usr/bin/python3 test/golden/scripts/check_corruptions.py ../shared/data/cifar10
Exit code 1 where one is off.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import scipy.stats
import skimage.data
from PIL import Image

import corruption_definitions as definitions
from make_corruptions import RANDOM, ROOT, published

DRAWS = {32: 100, 224: 12}
IMAGES = 20
SEED = 3
TEXTURES = ["coffee.png", "chelsea.png", "rocket.jpg"]
LIMIT = 1e-5

OURS = """
  import { readFileSync, writeFileSync } from "node:fs";
  import { readFrostTextures } from "./dist/corruptions/sets/frost-photographs.js";
  import { corrupt } from "./dist/corruptions/index.js";
  const { images, side, count, draws, names, random, textures, seed, to } = JSON.parse(process.argv[1]);
  const pixels = readFileSync(images);
  const bytes = side * side * 3;
  const frostTextures = await readFrostTextures(textures);
  for (const name of names) {
    const runs = random.includes(name) ? draws : count;
    const found = Buffer.alloc(5 * runs * bytes);
    for (let severity = 1; severity <= 5; severity++) {
      for (let sample = 0; sample < runs; sample++) {
        const image = pixels.subarray((sample % count) * bytes, (sample % count + 1) * bytes);
        const options = { seed, sample, frostTextures };
        found.set(corrupt(image, side, side, name, severity, options), ((severity - 1) * runs + sample) * bytes);
      }
    }
    writeFileSync(to + "/" + name, found);
  }
"""


def cifar_images(folder):
    records = np.fromfile(Path(folder) / "test_batch.bin", np.uint8, IMAGES * 3073).reshape(IMAGES, 3073)
    return np.ascontiguousarray(records[:, 1:].reshape(IMAGES, 3, 32, 32).transpose(0, 2, 3, 1))


def photograph(name):
    return Image.open(Path(skimage.data.__file__).parent / name).convert("RGB")


def photo_image():
    small = photograph("astronaut.png").resize((256, 256), Image.BILINEAR)
    return np.asarray(small.crop((16, 16, 240, 240)))[None]


def frost(image, parameters, draws):
    weight, frost_weight, shrink = parameters
    texture = np.asarray(photograph(TEXTURES_SORTED[int(draws.integer((), len(TEXTURES)))]))
    side = len(image)
    factor = max(shrink, *(side / length for length in texture.shape[:2]))
    if factor != 1:
        texture = cv2.resize(texture, (0, 0), fx=factor, fy=factor)
    top, left = (int(draws.integer((), max(1, length - side))) for length in texture.shape[:2])
    window = texture[top : top + side, left : left + side]
    return np.uint8(np.clip(weight * image + frost_weight * window, 0, 255))


TEXTURES_SORTED = sorted(TEXTURES)


def statistics(found, clean):
    difference = found.astype(np.float64) - clean
    side = len(clean)
    power = np.abs(np.fft.fft2(difference.mean(axis=-1))) ** 2 / side**4
    frequency = np.minimum(np.arange(side), side - np.arange(side))
    ring = np.maximum(frequency[:, None], frequency[None, :])
    bands = [power[(ring >= low) & (ring <= high)].sum() for low, high in ((1, 2), (3, 5), (6, 10), (11, 16), (17, side // 2))]
    return [np.abs(difference).mean(), difference.mean(), difference.var(), *bands[: 4 if side == 32 else 5]]


def compare(name, side, images, parameters, ours):
    """The figure of each severity and whether it is in order."""
    function = frost if name == "frost" else getattr(definitions, name)
    results = []
    for severity in range(5):
        draws = definitions.NumPyDraws(SEED)
        clean = [images[i % len(images)] for i in range(len(ours[severity]))]
        expected = [function(image, parameters[severity], draws) for image in clean]
        if name not in RANDOM:
            off = np.abs(np.int32(ours[severity]) - np.int32(expected)).mean()
            results.append((off, off <= 1))
            continue
        difference = np.array(
            [np.subtract(statistics(a, c), statistics(b, c)) for a, b, c in zip(ours[severity], expected, clean)]
        )
        deviation = difference.std(axis=0, ddof=1) / np.sqrt(len(difference))
        # Where both sides are the same the difference is nothing at all.
        t = np.abs(difference.mean(axis=0)) / np.maximum(deviation, 1e-9)
        results.append((t.max(), t.max() <= scipy.stats.t.ppf(1 - LIMIT / 2, len(difference) - 1)))
    return results


def main():
    tables, names = published()
    RANDOM.append("frost")
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        textures = Path(folder) / "textures"
        textures.mkdir()
        for name in TEXTURES:
            photograph(name).save(textures / f"{Path(name).stem}.png")
        for side, images in ((32, cifar_images(sys.argv[1])), (224, photo_image())):
            images.tofile(Path(folder) / "images")
            setup = {
                "images": f"{folder}/images", "side": side, "count": len(images), "draws": DRAWS[side], "names": names,
                "random": RANDOM, "textures": str(textures), "seed": SEED, "to": folder,
            }  # fmt: skip
            subprocess.run(["node", "--input-type=module", "--eval", OURS, json.dumps(setup)], cwd=ROOT, check=True)
            print(f"{side} pixels: grey levels, or t over {DRAWS[side]} draws, for severities 1 .. 5")
            for name in names:
                ours = np.fromfile(Path(folder) / name, np.uint8).reshape(5, -1, side, side, 3)
                results = compare(name, side, images, tables[side][name], ours)
                unit = "t" if name in RANDOM else "levels"
                print(f"  {name:18}" + "".join(f"{figure:9.3f}" for figure, _ in results) + f"  {unit}", flush=True)
                wrong += [f"{name} {severity + 1} at {side}" for severity, (_, right) in enumerate(results) if not right]
    if wrong:
        sys.exit("off: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
