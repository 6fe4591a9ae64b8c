"""Makes augmentation.safetensors: what Pillow makes of an image by the operations of augmentation policies, uint8.

    python3 test/golden/scripts/make_augmentation.py

Image. 21 x 26 pixels: floor(20 + 210 |philox.tensor(1000003, shape)|) beside smooth colours, so that there are edges and flat
parts, and no value is at either end. Key `image`.

Keys: `<Operation>/<value>`, and `<Operation>/<value>/bilinear` of those that move the image. Pillow is asked as the published policies ask it:
ImageOps and ImageEnhance; Image.transform with an affine map for shear and translation; Image.rotate. Where an image leaves the frame empty is 128.

Made with Pillow 9.4.0 and NumPy 1.24.2.
"""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

import philox
from common import save

HEIGHT, WIDTH = 21, 26
FILL = (128, 128, 128)


def make_image():
    noise = np.floor(20 + 210 * np.abs(philox.tensor(1000003, (HEIGHT, WIDTH, 3))))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    smooth = np.stack([20 + columns * 8, 30 + rows * 9, 230 - columns * 5], axis=-1)
    return np.where((rows + columns < 20)[..., None], smooth, noise).clip(0, 255).astype(np.uint8)


VALUES = {
    "AutoContrast": (lambda image, _: ImageOps.autocontrast(image), [0]),
    "Equalize": (lambda image, _: ImageOps.equalize(image), [0]),
    "Invert": (lambda image, _: ImageOps.invert(image), [0]),
    "Posterize": (lambda image, bits: ImageOps.posterize(image, bits), [1, 2, 4, 5, 8]),
    "Solarize": (lambda image, threshold: ImageOps.solarize(image, threshold), [0, 60, 128, 200, 256]),
    "Color": (lambda image, factor: ImageEnhance.Color(image).enhance(factor), [0.1, 0.64, 1, 1.9]),
    "Contrast": (lambda image, factor: ImageEnhance.Contrast(image).enhance(factor), [0.1, 0.64, 1, 1.9]),
    "Brightness": (lambda image, factor: ImageEnhance.Brightness(image).enhance(factor), [0.1, 0.64, 1, 1.9]),
    "Sharpness": (lambda image, factor: ImageEnhance.Sharpness(image).enhance(factor), [0.1, 0.64, 1, 1.9]),
}


def affine(*numbers):
    return lambda image, resample: image.transform(image.size, Image.AFFINE, numbers, resample, fillcolor=FILL)


MOVES = {
    **{f"Rotate/{d}": (lambda image, resample, d=d: image.rotate(d, resample, fillcolor=FILL)) for d in (-30, -7, 3, 13.5, 30, 101)},
    **{f"ShearX/{v}": affine(1, v, 0, 0, 1, 0) for v in (-0.99, -0.21, 0.05, 0.3)},
    **{f"ShearY/{v}": affine(1, 0, 0, v, 1, 0) for v in (-0.99, -0.21, 0.05, 0.3)},
    **{f"TranslateX/{v}": affine(1, 0, v, 0, 1, 0) for v in (-9, -1, 4, 30)},
    **{f"TranslateY/{v}": affine(1, 0, 0, 0, 1, v) for v in (-9, -1, 4, 30)},
}


def main():
    image = Image.fromarray(make_image())
    tensors = {"image": np.asarray(image)}
    for name, (operation, values) in VALUES.items():
        for value in values:
            tensors[f"{name}/{value}"] = np.asarray(operation(image, value))
    for name, operation in MOVES.items():
        tensors[name] = np.asarray(operation(image, Image.NEAREST))
        tensors[f"{name}/bilinear"] = np.asarray(operation(image, Image.BILINEAR))
    save("augmentation", tensors, {"pillow": Image.__version__})


if __name__ == "__main__":
    main()
