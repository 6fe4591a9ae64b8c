"""The corruptions of ImageNet-C, written from their definition on the libraries that define them. Makes no file by itself.

Definition: Hendrycks and Dietterich, ICLR 2019, and the behaviour of Pillow, scikit-image, SciPy, OpenCV and ImageMagick that
it rests on. Each function takes an image (S, S, 3) uint8, its parameters (the tables of src/corruptions/severity-tables.ts)
and a source of draws, and gives (S, S, 3) uint8. Frost is missing: its textures are photographs.

A source of draws has uniform(shape, low, high), normal(shape, mean, deviation), integer(shape, bound) and poisson(means).
"""

import io

import cv2
import numpy as np
import scipy.ndimage
import scipy.stats
from PIL import Image
from skimage.color import hsv2rgb, rgb2hsv
from skimage.filters import gaussian
from wand.api import library as wand_library
from wand.image import Image as WandImage
import ctypes

import philox

CORRUPTION = 14

wand_library.MagickMotionBlurImage.argtypes = [ctypes.c_void_p] + 3 * [ctypes.c_double]


class NumPyDraws:
    """Independent draws."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)

    def uniform(self, shape, low=0.0, high=1.0):
        return self.generator.uniform(low, high, shape)

    def normal(self, shape, mean, deviation):
        return self.generator.normal(mean, deviation, shape)

    def integer(self, shape, bound):
        return self.generator.integers(0, bound, shape)

    def poisson(self, means):
        return self.generator.poisson(means)


class KeyedDraws:
    """The draws of src/corruptions/draws.ts, one after the other in C order."""

    def __init__(self, seed, corruption, severity, sample, count):
        self.words = philox.words(count, seed, CORRUPTION, severity, sample, corruption)
        self.next = 0

    def take(self, shape):
        count = int(np.prod(shape))
        self.next += count
        return self.words[self.next - count : self.next].reshape(shape)

    def uniform(self, shape, low=0.0, high=1.0):
        return low + (high - low) * ((self.take(shape) >> np.uint64(8)).astype(np.float64) * 2.0**-24)

    def normal(self, shape, mean, deviation):
        count = int(np.prod(shape))
        u, v = self.uniform(((count + 1) // 2, 2)).T
        radius = deviation * np.sqrt(-2 * np.log(u + 2.0**-24))
        pairs = np.stack([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)], axis=-1)
        return mean + pairs.reshape(-1)[:count].reshape(shape)

    def integer(self, shape, bound):
        return (self.take(shape) * np.uint64(bound) >> np.uint64(32)).astype(np.int64)

    def poisson(self, means):
        # The least k with P(X <= k) > u; ppf has >=, which differs where u is a multiple of 2^-24 exactly at a step.
        return scipy.stats.poisson.ppf(self.uniform(means.shape), means)


def to_bytes(values):
    """Clipped to [0, 1], times 255, cut off."""
    return np.uint8(np.clip(values, 0, 1) * 255)


def smooth(values, sigma):
    return gaussian(values, sigma=sigma, channel_axis=-1 if np.ndim(values) == 3 else None)


def zoomed_middle(values, factor):
    side = len(values)
    cut = int(np.ceil(side / factor))
    top = (side - cut) // 2
    factors = (factor, factor) + (1,) * (values.ndim - 2)
    large = scipy.ndimage.zoom(values[top : top + cut, top : top + cut], factors, order=1)
    trim = (len(large) - side) // 2
    return large[trim : trim + side, trim : trim + side]


def magick_motion_blur(pixels, radius, sigma, angle):
    """pixels: (S, S) or (S, S, 3) uint8, through PNG to ImageMagick and back."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    with WandImage(blob=buffer.getvalue()) as image:
        wand_library.MagickMotionBlurImage(image.wand, radius, sigma, angle)
        blob = image.make_blob("PNG")
    mode = "L" if pixels.ndim == 2 else "RGB"
    return np.asarray(Image.open(io.BytesIO(blob)).convert(mode))


def gaussian_noise(image, parameters, draws):
    x = image / 255.0
    return to_bytes(x + draws.normal(x.shape, 0, parameters[0]))


def speckle_noise(image, parameters, draws):
    x = image / 255.0
    return to_bytes(x + x * draws.normal(x.shape, 0, parameters[0]))


def shot_noise(image, parameters, draws):
    return to_bytes(draws.poisson(image / 255.0 * parameters[0]) / parameters[0])


def impulse_noise(image, parameters, draws):
    """A uniform number below half of the share makes black, below the share white."""
    u = draws.uniform(image.shape)
    return np.where(u < parameters[0] / 2, 0, np.where(u < parameters[0], 255, image)).astype(np.uint8)


def defocus_blur(image, parameters, draws):
    radius, alias = parameters
    reach, size = (8, 3) if radius <= 8 else (radius, 5)
    across, down = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    disk = (across**2 + down**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), (size, size), alias)
    return to_bytes(cv2.filter2D(image / 255.0, -1, kernel))


def glass_blur(image, parameters, draws):
    sigma, offset, passes = parameters
    x = np.uint8(smooth(image / 255.0, sigma) * 255)
    side = len(x)
    for _ in range(passes):
        positions = range(side - offset, offset, -1)
        moves = draws.integer((len(positions), len(positions), 2), 2 * offset) - offset
        for row, h in enumerate(positions):
            for column, w in enumerate(positions):
                right, down = moves[row, column]
                x[h, w] = x[h + down, w + right]
    return to_bytes(smooth(x / 255.0, sigma))


def motion_blur(image, parameters, draws):
    return magick_motion_blur(image, *parameters, float(draws.uniform((), -45, 45)))


def zoom_blur(image, parameters, draws):
    factors = np.arange(1, *parameters)
    x = (image / 255.0).astype(np.float32)
    total = np.zeros_like(x)
    for factor in factors:
        total += zoomed_middle(x, factor)
    return to_bytes((x + total) / (len(factors) + 1))


def gaussian_blur(image, parameters, draws):
    return to_bytes(smooth(image / 255.0, parameters[0]))


def snow(image, parameters, draws):
    mean, deviation, factor, threshold, radius, sigma, blend = parameters
    x = np.float32(image) / 255.0
    layer = zoomed_middle(draws.normal(x.shape[:2], mean, deviation), factor)
    layer = np.where(layer < threshold, 0, layer)
    layer = magick_motion_blur(to_bytes(layer), radius, sigma, float(draws.uniform((), -135, -45)))[..., None] / 255.0
    grey = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None]
    x = blend * x + (1 - blend) * np.maximum(x, grey * 1.5 + 0.5)
    return to_bytes(x + layer + layer[::-1, ::-1])


def plasma(side, decay, draws):
    """Diamond-square on a torus; the amplitude of the displacement is the square of the wobble."""
    grid = np.zeros((side, side))
    wobble, step = 100.0, side

    def displaced(total):
        return total / 4 + wobble * draws.uniform(total.shape, -wobble, wobble)

    while step >= 2:
        half = step // 2
        corners = grid[::step, ::step]
        right = np.roll(corners, -1, axis=1)
        lower = np.roll(corners, -1, axis=0)
        grid[half::step, half::step] = displaced(corners + right + lower + np.roll(right, -1, axis=0))
        middles = grid[half::step, half::step]
        grid[::step, half::step] = displaced(middles + np.roll(middles, 1, axis=0) + corners + right)
        grid[half::step, ::step] = displaced(middles + np.roll(middles, 1, axis=1) + corners + lower)
        step, wobble = half, wobble / decay
    grid -= grid.min()
    return grid / grid.max()


def fog(image, parameters, draws):
    weight, decay = parameters
    x = image / 255.0
    side = len(x)
    # The published map sizes: 256 for 224 pixels, 64 for 64, 32 for 32.
    cloud = plasma(256 if side == 224 else side, decay, draws)[:side, :side, None]
    return to_bytes((x + weight * cloud) * x.max() / (x.max() + weight))


def brightness(image, parameters, draws):
    hsv = rgb2hsv(image / 255.0)
    hsv[..., 2] = np.clip(hsv[..., 2] + parameters[0], 0, 1)
    return to_bytes(hsv2rgb(hsv))


def saturate(image, parameters, draws):
    hsv = rgb2hsv(image / 255.0)
    hsv[..., 1] = np.clip(hsv[..., 1] * parameters[0] + parameters[1], 0, 1)
    return to_bytes(hsv2rgb(hsv))


def contrast(image, parameters, draws):
    x = image / 255.0
    mean = x.mean(axis=(0, 1))
    return to_bytes((x - mean) * parameters[0] + mean)


def elastic_transform(image, parameters, draws):
    alpha, sigma, reach = parameters
    x = np.float32(image) / 255.0
    side = len(x)
    center, arm = side // 2, side // 3
    points = np.float32([[center + arm, center + arm], [center + arm, center - arm], [center - arm, center - arm]])
    moved = points + draws.uniform(points.shape, -reach, reach).astype(np.float32)
    matrix = cv2.getAffineTransform(points, moved)
    x = cv2.warpAffine(x, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)

    def field():
        noise = draws.uniform((side, side), -1, 1)
        return (gaussian(noise, sigma, mode="reflect", truncate=3) * alpha).astype(np.float32)

    right, down = field(), field()
    rows, columns = np.mgrid[:side, :side]
    moved = [scipy.ndimage.map_coordinates(x[..., c], [rows + down, columns + right], order=1, mode="reflect") for c in range(3)]
    return to_bytes(np.stack(moved, axis=-1))


def pixelate(image, parameters, draws):
    side = len(image)
    small = int(side * parameters[0])
    picture = Image.fromarray(image).resize((small, small), Image.BOX)
    return np.asarray(picture.resize((side, side), Image.BOX))


def jpeg_compression(image, parameters, draws):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=parameters[0])
    return np.asarray(Image.open(buffer))


def spatter(image, parameters, draws):
    mean, deviation, sigma, threshold, strength, liquid = parameters
    x = np.float32(image) / 255.0
    layer = smooth(draws.normal(x.shape[:2], mean, deviation), sigma)
    layer[layer < threshold] = 0
    if liquid == "mud":
        cover = smooth((layer > threshold).astype(np.float32), strength)[..., None]
        cover[cover < 0.8] = 0
        return to_bytes(x * (1 - cover) + np.array([63, 42, 20]) / 255.0 * cover)
    depth = (layer * 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(depth, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)
    light = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    lit = cv2.filter2D(cv2.equalizeHist(distance), cv2.CV_8U, light)
    drops = depth * cv2.blur(lit, (3, 3)).astype(np.float32)
    drops *= strength / drops.max()
    return to_bytes(x + drops[..., None] * np.float32([175, 238, 238]) / 255)
