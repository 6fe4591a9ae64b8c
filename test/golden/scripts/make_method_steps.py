"""Makes method_steps.safetensors: one step of clean-copy, sign-noise, fine-grained and fast-advprop, float64, in NumPy alone.

    python3 test/golden/scripts/make_method_steps.py

Model. ResNet-8 for CIFAR (make_advprop_steps.py describes the kind, here with one block a stage) with the routes of metadata `routes` of each
method beside main; pixels are normalised with mean and deviation 0.5. Written out here with its gradient by hand, so that no code is shared with
what it is compared with. Batch norm has eps 1e-5 and momentum 0.1, the update factor of the running statistics max(momentum, 1 / (t + 1)).

Initial state, by the place p of a tensor among the sorted names (metadata `names`): running means philox.tensor(p, shape, 0.2), variances 0.4 +
philox.tensor(p, shape, 0.1), biases philox.tensor(p, shape, 0.2), scales 1 + philox.tensor(p, shape, 0.5), others philox.tensor(p, shape,
sqrt(3 / fan_in)). No batch is tracked.

Batch. 10 images of 8 x 8, views 0, 1, 2: (1 + philox.tensor(1000000 + view, shape)) / 2; labels i mod 5; samples 3 i + 1; seed 7, epoch 2.

Losses are cross entropies of labels smoothed by 0.1 of clean images and by 0.05 of others, means over their images.

clean-copy      clean images through main, and again through aux: the sum of 1 and 0.5 times the losses, divided by 1.5 (lossReduction mean)
sign-noise      clean images through main; clip(x + u eps, ball) moved by eps times a random sign, through aux; the sum. eps 4/255
fine-grained    main: view 0; strong: view 1, weight 0.5; attacked: view 2, PGD of 2 steps of 2/255 in eps 4/255, random start and target, through
                the running statistics of `attacked`, weight 2
fast-advprop    share 0.3: 7 clean images, 3 attacked; eps = step = 8/255, untargeted. What is described in the published code of Fast AdvProp:
                sums of losses over images with weights 1 (clean), 0.5 (noise pass), 0.5 (adversarial pass); each parameter's gradient is divided by
                the weighted number of images that touched it: 10 of shared parameters, 7 of main norms, 3 of auxiliary ones

Keys, each below `<method>/`:

    loss.<name>         F64 scalar
    gradient.<name>     F64, every 7th element; absent where no loss reaches the parameter
    running.<name>      F64, running means and variances after the step
    adversarial         F64, every 7th element of the adversarial images (fine-grained and fast-advprop)
"""

import numpy as np

import philox
from common import SEED, attack_start, attack_targets, every, pgd, save

COUNT, CLASSES, SIDE = 10, 5, 8
EPOCH = 2
SAMPLING = 7
EPS, MOMENTUM = 1e-5, 0.1
SMOOTHING, OF_ADVERSARIAL = 0.1, 0.05
NOISE_SIGN, SHUFFLE = 17, 18
SAMPLES = 3 * np.arange(COUNT) + 1
LABELS = np.arange(COUNT) % CLASSES
ROUTES = {
    "clean-copy": ["aux"],
    "sign-noise": ["aux"],
    "fine-grained": ["strong", "attacked"],
    "fast-advprop": ["aux"],
}
STAGES = [("layer1.0", 16, 16, 1), ("layer2.0", 16, 32, 2), ("layer3.0", 32, 64, 2)]


def shapes_of(routes):
    shapes = {"conv1.weight": (16, 3, 3, 3), "fc.weight": (CLASSES, 64), "fc.bias": (CLASSES,)}
    norms = [("bn1", 16)]
    for name, inputs, outputs, _ in STAGES:
        shapes[f"{name}.conv1.weight"] = (outputs, inputs, 3, 3)
        shapes[f"{name}.conv2.weight"] = (outputs, outputs, 3, 3)
        norms += [(f"{name}.bn1", outputs), (f"{name}.bn2", outputs)]
    for norm, channels in norms:
        for prefix in [norm, *(f"{norm}.aux_bn.{k}" for k in range(len(routes)))]:
            for tensor in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{prefix}.{tensor}"] = (channels,)
    return shapes


def initial(name, place, shape):
    if name.endswith("running_mean") or name.endswith("bias"):
        return philox.tensor(place, shape, 0.2)
    if name.endswith("running_var"):
        return 0.4 + philox.tensor(place, shape, 0.1)
    if len(shape) == 1:
        return 1 + philox.tensor(place, shape, 0.5)
    return philox.tensor(place, shape, np.sqrt(3 / np.prod(shape[1:])))


def convolve(x, weight, stride):
    """3x3, one zero on each side; gives y, and from its gradient those of x and of the weight."""
    n, c, height, width = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = height // stride, width // stride

    def window(array, i, j):
        return array[:, :, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]

    y = np.zeros((n, weight.shape[0], rows, columns))
    for i in range(3):
        for j in range(3):
            y += np.einsum("nchw,oc->nohw", window(padded, i, j), weight[:, :, i, j])

    def backward(dy):
        dpadded, dweight = np.zeros_like(padded), np.zeros_like(weight)
        for i in range(3):
            for j in range(3):
                dweight[:, :, i, j] = np.einsum("nohw,nchw->oc", dy, window(padded, i, j))
                window(dpadded, i, j)[...] += np.einsum("nohw,oc->nchw", dy, weight[:, :, i, j])
        return dpadded[:, :, 1:-1, 1:-1], dweight

    return y, backward


class Network:
    def __init__(self, routes):
        self.routes = routes
        self.shapes = shapes_of(routes)
        self.names = sorted(self.shapes)
        self.state = {name: initial(name, place, self.shapes[name]) for place, name in enumerate(self.names)}
        self.tracked = {route: 0 for route in ["main", *routes]}

    def prefix(self, norm, route):
        return norm if route == "main" else f"{norm}.aux_bn.{self.routes.index(route)}"

    def normalise(self, x, norm, route, training):
        prefix = self.prefix(norm, route)
        scale, shift = self.state[f"{prefix}.weight"], self.state[f"{prefix}.bias"]
        axes, wide = (0, 2, 3), (slice(None), None, None)
        size = x.size // x.shape[1]
        mean, variance = self.state[f"{prefix}.running_mean"], self.state[f"{prefix}.running_var"]
        if training:
            mean, variance = x.mean(axes), x.var(axes)
            factor = max(MOMENTUM, 1 / (self.tracked[route] + 1))
            for key, value in (("running_mean", mean), ("running_var", variance * size / (size - 1))):
                old = self.state[f"{prefix}.{key}"]
                self.state[f"{prefix}.{key}"] = old + factor * (value - old)
        deviation = np.sqrt(variance + EPS)
        xhat = (x - mean[wide]) / deviation[wide]

        def backward(dy, gradients):
            gradients[f"{prefix}.weight"] = (dy * xhat).sum(axes)
            gradients[f"{prefix}.bias"] = dy.sum(axes)
            dxhat = dy * scale[wide]
            if training:
                dxhat = dxhat - dxhat.mean(axes)[wide] - xhat * (dxhat * xhat).mean(axes)[wide]
            return dxhat / deviation[wide]

        return xhat * scale[wide] + shift[wide], backward

    def forward(self, pixels, route, training):
        """Logits, and from their gradient that of the pixels and those of the parameters by name."""
        state, steps = self.state, []

        def conv(x, name, stride=1):
            y, backward = convolve(x, state[name], stride)

            def step(dy, gradients):
                dx, gradients[name] = backward(dy)
                return dx

            return y, step

        def relu(x):
            return np.maximum(x, 0), lambda dy, _: dy * (x > 0)

        def then(pair):
            steps.append(pair[1])
            return pair[0]

        x = (pixels - 0.5) / 0.5
        x = then(conv(x, "conv1.weight"))
        x = then(self.normalise(x, "bn1", route, training))
        x = then(relu(x))
        for name, inputs, outputs, stride in STAGES:
            y, first = conv(x, f"{name}.conv1.weight", stride)
            y, second = self.normalise(y, f"{name}.bn1", route, training)
            y, third = relu(y)
            y, fourth = conv(y, f"{name}.conv2.weight")
            y, fifth = self.normalise(y, f"{name}.bn2", route, training)
            added = (outputs - inputs) // 2
            short = np.pad(x[:, :, ::stride, ::stride], ((0, 0), (added, added), (0, 0), (0, 0)))

            def block(dy, gradients, inner=(fifth, fourth, third, second, first), shape=x.shape, added=added, stride=stride):
                dx = np.zeros(shape)
                dx[:, :, ::stride, ::stride] = dy[:, added : dy.shape[1] - added]
                for step in inner:
                    dy = step(dy, gradients)
                return dx + dy

            x = then((short + y, block))
            x = then(relu(x))
        pooled, area = x.mean((2, 3)), x.shape[2:]
        logits = pooled @ state["fc.weight"].T + state["fc.bias"]
        if training:
            self.tracked[route] += 1

        def backward(dlogits):
            gradients = {"fc.weight": dlogits.T @ pooled, "fc.bias": dlogits.sum(0)}
            dx = np.broadcast_to((dlogits @ state["fc.weight"])[:, :, None, None], (*pooled.shape, *area)) / np.prod(area)
            for step in reversed(steps):
                dx = step(dx, gradients)
            return dx / 0.5, gradients

        return logits, backward


def cross_entropies(logits, labels, smoothing):
    """The loss of each image, and the gradient of their sum."""
    shifted = logits - logits.max(1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    target = np.full(logits.shape, smoothing / CLASSES)
    target[np.arange(len(labels)), labels] += 1 - smoothing
    return -(target * log_softmax).sum(1), np.exp(log_softmax) - target


class Step:
    """Sums of gradients, and losses by name."""

    def __init__(self, routes):
        self.network = Network(routes)
        self.gradients = {}
        self.losses = {}

    def train(self, name, pixels, labels, route, smoothing, weight):
        """Adds weight times the gradient of the summed loss; gives the gradient of the pixels."""
        logits, backward = self.network.forward(pixels, route, training=True)
        losses, dlogits = cross_entropies(logits, labels, smoothing)
        dx, gradients = backward(weight * dlogits)
        for key, value in gradients.items():
            self.gradients[key] = self.gradients.get(key, 0) + value
        self.losses[name] = losses.mean()
        return dx


def clipped(x, images, epsilon):
    return np.clip(np.clip(x, images - epsilon, images + epsilon), 0, 1)


def clean_copy(step, views):
    step.train("cleanLoss", views[0], LABELS, "main", SMOOTHING, 1 / 1.5 / COUNT)
    step.train("adversarialLoss", views[0], LABELS, "aux", OF_ADVERSARIAL, 0.5 / 1.5 / COUNT)


def sign_noise(step, views):
    epsilon, images = 4 / 255, views[0]
    draws = np.stack([philox.uniform(images[0].size, SEED, NOISE_SIGN, EPOCH, int(sample)) for sample in SAMPLES])
    signs = np.where(draws < 0.5, -1.0, 1.0).reshape(images.shape)
    start = np.clip(images + attack_start(images.shape, epsilon, EPOCH, SAMPLES), 0, 1)
    step.train("cleanLoss", images, LABELS, "main", SMOOTHING, 1 / COUNT)
    step.train("adversarialLoss", clipped(start + epsilon * signs, images, epsilon), LABELS, "aux", OF_ADVERSARIAL, 1 / COUNT)


def fine_grained(step, views):
    targets = attack_targets(LABELS, CLASSES, EPOCH, SAMPLES)
    step.train("mainLoss", views[0], LABELS, "main", SMOOTHING, 1 / COUNT)
    step.train("strongLoss", views[1], LABELS, "strong", SMOOTHING, 0.5 / COUNT)

    def gradient(x):
        logits, backward = step.network.forward(x, "attacked", training=False)
        return backward(cross_entropies(logits, targets, 0)[1])[0]

    epsilon = 4 / 255
    start = attack_start(views[2].shape, epsilon, EPOCH, SAMPLES)
    adversarial = pgd(gradient, views[2], epsilon, 2 / 255, 2, -1, start)[-1]
    step.train("attackedLoss", adversarial, LABELS, "attacked", OF_ADVERSARIAL, 2 / COUNT)
    return adversarial


def fast_advprop(step, views):
    clean, epsilon = 7, 8 / 255
    images, labels, samples = views[0][clean:], LABELS[clean:], SAMPLES[clean:]
    step.train("cleanLoss", views[0][:clean], LABELS[:clean], "main", SMOOTHING, 1)
    start = np.clip(images + attack_start(images.shape, epsilon, EPOCH, samples), 0, 1)
    gradient = step.train("noiseLoss", start, labels, "aux", OF_ADVERSARIAL, 0.5)
    adversarial = clipped(start + epsilon * np.sign(gradient), images, epsilon)
    draws = [philox.uniform(1, SEED, SHUFFLE, EPOCH, int(sample))[0] for sample in samples]
    order = np.argsort(draws)[::-1]
    step.train("adversarialLoss", adversarial[order], labels[order], "aux", OF_ADVERSARIAL, 0.5)
    touched = {"main": clean, "aux": COUNT - clean, "shared": COUNT}
    for name in step.gradients:
        norm = len(step.network.shapes[name]) == 1 and not name.startswith("fc.")
        step.gradients[name] /= touched["aux" if ".aux_bn." in name else "main" if norm else "shared"]
    return adversarial


def check_gradient():
    """The gradient by hand against differences, for the pixels and one parameter of each kind."""
    network = Network(["aux"])
    pixels = (1 + philox.tensor(1000000, (COUNT, 3, SIDE, SIDE))) / 2

    def loss():
        network.tracked = {"main": 0, "aux": 0}
        return cross_entropies(network.forward(pixels, "aux", True)[0], LABELS, SMOOTHING)[0].sum()

    logits, backward = network.forward(pixels, "aux", True)
    dx, gradients = backward(cross_entropies(logits, LABELS, SMOOTHING)[1])
    for array, gradient in [(pixels, dx), *((network.state[name], gradients[name]) for name in sorted(gradients))]:
        place = (0,) * array.ndim
        kept, width = array[place], 1e-6
        array[place] = kept + width
        above = loss()
        array[place] = kept - width
        below = loss()
        array[place] = kept
        assert abs((above - below) / (2 * width) - gradient[place]) < 1e-5 * max(1, abs(gradient[place]))


def main():
    check_gradient()
    views = [(1 + philox.tensor(1000000 + view, (COUNT, 3, SIDE, SIDE))) / 2 for view in range(3)]
    tensors, names = {}, {}
    methods = {"clean-copy": clean_copy, "sign-noise": sign_noise, "fine-grained": fine_grained, "fast-advprop": fast_advprop}
    for method, run in methods.items():
        step = Step(ROUTES[method])
        adversarial = run(step, views)
        names[method] = step.network.names
        for name, loss in step.losses.items():
            tensors[f"{method}/loss.{name}"] = np.float64(loss)
        for name, value in step.gradients.items():
            tensors[f"{method}/gradient.{name}"] = every(value, SAMPLING)
        for name, value in step.network.state.items():
            if ".running_" in name:
                tensors[f"{method}/running.{name}"] = value
        if adversarial is not None:
            tensors[f"{method}/adversarial"] = every(adversarial, SAMPLING)
        print(method, {name: round(float(loss), 6) for name, loss in step.losses.items()})
    save("method_steps", tensors, {"names": names, "routes": ROUTES, "sampling": SAMPLING, "seed": SEED, "epoch": EPOCH})


if __name__ == "__main__":
    main()
