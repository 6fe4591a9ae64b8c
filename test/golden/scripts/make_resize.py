"""Makes resize.safetensors: Pillow's resizing of 8-bit RGB images.

    /usr/bin/python3 test/golden/scripts/make_resize.py

Sources are noise between smooth gradients, from NumPy's PCG64 with seed 7, and stored. Metadata: `cases`, a list of
{"source", "box": [left, top, width, height], "size": [width, height], "filter": "bilinear" | "bicubic"}; the result of
case i is `Image.crop(box)`, resized across and then down, the order of Pillow up to version 12. Keys:

    source.<name>    U8 (H, W, 3)
    result.<i>       U8 (height, width, 3)
"""

import numpy as np
from PIL import Image

from common import SEED, save

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
CASES = [
    {"source": "small", "box": [0, 0, 37, 29], "size": [37, 29]},
    {"source": "small", "box": [0, 0, 37, 29], "size": [20, 20]},
    {"source": "small", "box": [5, 3, 11, 17], "size": [24, 24]},
    {"source": "small", "box": [30, 2, 7, 1], "size": [9, 9]},
    {"source": "tall", "box": [0, 0, 40, 150], "size": [16, 60]},
    {"source": "tall", "box": [1, 60, 38, 90], "size": [12, 12]},
    {"source": "edges", "box": [0, 0, 16, 16], "size": [23, 11]},
]


def source(generator, height, width):
    ramp = np.linspace(0, 200, width)[None, :, None] + np.linspace(0, 50, height)[:, None, None]
    noise = generator.uniform(-60, 60, (height, width, 3))
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def main():
    generator = np.random.default_rng(SEED)
    sources = {
        "small": source(generator, 29, 37),
        "tall": source(generator, 150, 40),
        # Black beside white: bicubic overshoots on both sides and must be clipped.
        "edges": np.kron(np.indices((4, 4)).sum(axis=0) % 2, np.ones((4, 4)))[:, :, None].repeat(3, 2).astype(np.uint8) * 255,
    }
    cases = [{**case, "filter": name} for case in CASES for name in FILTERS]
    tensors = {f"source.{name}": value for name, value in sources.items()}
    for i, case in enumerate(cases):
        left, top, width, height = case["box"]
        image = Image.fromarray(sources[case["source"]]).crop((left, top, left + width, top + height))
        for size in ((case["size"][0], image.height), case["size"]):
            image = image.resize(size, FILTERS[case["filter"]])
        tensors[f"result.{i}"] = np.asarray(image)
    save("resize", tensors, {"cases": cases})


main()
