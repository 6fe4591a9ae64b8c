"""Reads photos as torchvision does, with Pillow on one core: the peer of loader.mjs, which runs it.

    python3 bench/loader_pillow.py SIZE FILE...

Decodes to RGB, cuts a random resized crop (area 8 % to 100 %, aspect 3/4 to 4/3, ten attempts), resizes it to SIZE x SIZE
by antialiased bicubic interpolation, mirrors half of them and puts them into a batch. For each line on standard input it
reads all files once, and prints {"seconds", "cpuSeconds"} as JSON.
"""

import json
import math
import random
import sys
import time

import numpy as np
from PIL import Image


def crop_box(width, height):
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1)
        aspect = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w = round(math.sqrt(area * aspect))
        h = round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            left = random.randint(0, width - w)
            top = random.randint(0, height - h)
            return left, top, left + w, top + h
    return 0, 0, width, height


def read(file, size):
    with Image.open(file) as image:
        image = image.convert("RGB")
    image = image.crop(crop_box(*image.size)).resize((size, size), Image.BICUBIC)
    if random.random() < 0.5:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    return np.asarray(image)


def main():
    size = int(sys.argv[1])
    files = sys.argv[2:]
    batch = np.empty((64, size, size, 3), np.uint8)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        for i, file in enumerate(files):
            batch[i % len(batch)] = read(file, size)
        print(json.dumps({"seconds": time.perf_counter() - wall, "cpuSeconds": time.process_time() - cpu}), flush=True)


main()
