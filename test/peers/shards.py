"""Reads or writes shards with webdataset, and prints [key, class, SHA-256 of the photo] of each sample as JSON.

    PYTHON test/peers/shards.py read SHARDS             every photo is decoded by Pillow, too
    PYTHON test/peers/shards.py write SHARDS PHOTOS     test/peers/shards.mjs does both
"""

import glob
import hashlib
import io
import json
import os
import sys

import numpy
import webdataset
from PIL import Image

PHOTOS = ("jpg", "png", "webp")


def digest(photo):
    return hashlib.sha256(photo).hexdigest()


def read(folder):
    shards = sorted(glob.glob(os.path.join(folder, "*.tar")))
    samples = []
    for sample in webdataset.WebDataset(shards, shardshuffle=False):
        (extension,) = [name for name in PHOTOS if name in sample]
        numpy.asarray(Image.open(io.BytesIO(sample[extension])))
        samples.append([sample["__key__"], int(sample["cls"]), digest(sample[extension])])
    return samples


def write(folder, photos):
    samples = []
    with webdataset.ShardWriter(os.path.join(folder, "photos-%06d.tar"), maxcount=50, verbose=0) as writer:
        for label, name in enumerate(sorted(os.listdir(photos))):
            for file in sorted(os.listdir(os.path.join(photos, name))):
                with open(os.path.join(photos, name, file), "rb") as opened:
                    photo = opened.read()
                key = f"{name}/{len(samples):06d}"
                writer.write({"__key__": key, file.rsplit(".", 1)[1]: photo, "cls": label})
                samples.append([key, label, digest(photo)])
    return samples


if __name__ == "__main__":
    print(json.dumps(read(sys.argv[2]) if sys.argv[1] == "read" else write(*sys.argv[2:])))
