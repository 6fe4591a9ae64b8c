"""Makes optimizers.safetensors and schedules.safetensors, NumPy float64 from the formulas.

    /usr/bin/python3 test/golden/scripts/make_optimizers.py

optimizers.safetensors: ten updates of one parameter w with gradients g_t and learning rates a_t that change from step
to step (t = 0 .. 9), so that a velocity that holds learning rates differs from one that does not. wd is the weight
decay.

    sgd      g <- g_t + wd * w;  without momentum: w <- w - a_t * g
             v_0 = g, then v <- momentum * v + g;  w <- w - a_t * v, or with Nesterov w - a_t * (g + momentum * v)
    rmsprop  TensorFlow's: g <- g_t + wd * w;  s <- decay * s + (1 - decay) * g^2, s starts at one;
             v <- momentum * v + a_t * g / sqrt(s + epsilon), v starts at zero;  w <- w - v
    adamw    w <- w - a_t * wd * w;  m <- beta1 * m + (1 - beta1) * g_t;  s <- beta2 * s + (1 - beta2) * g_t^2;
             w <- w - a_t * (m / (1 - beta1^(t+1))) / (sqrt(s / (1 - beta2^(t+1))) + epsilon)
    average  over the w of case sgd_nesterov_decay: starts as a copy of the initial w; after update t (the first is 0)
             d = min(decay, (1 + t) / (10 + t));  average <- d * average + (1 - d) * w

Metadata `cases`: name -> {"optimizer": "sgd" | "rmsprop" | "adamw", and its settings}; `averageDecay`; `averaged`, the
case that is averaged. Keys, all F64:

    learning_rates      (10)
    gradient.<t>        (6, 5), t = 0 .. 9
    <case>/weight.<t>   (6, 5), t = 0 (initial, the same for all) .. 10
    average.<t>         (6, 5), t = 0 .. 10
    average_decays      (10), the d of each update

schedules.safetensors: the learning rate of every step t = 0 .. T-1 of a run of `epochs` epochs of `stepsPerEpoch`
steps, T = epochs * stepsPerEpoch, W = warmupEpochs * stepsPerEpoch (neither W nor a decay period need be whole).

    warm-up      t < W: peak * t / W, whatever the schedule says there (the first step has rate 0)
    cosine       peak * (1 + cos(pi * (t - W) / (T - W))) / 2
    exponential  peak * decay^floor(t / (decayEpochs * stepsPerEpoch)), counted from step 0, under the warm-up too
    multi-step   peak * gamma^(number of milestones m, in epochs, with t >= m * stepsPerEpoch)
    one-cycle    U = 0.3 * T;  t < U: peak / 25 + (peak - peak / 25) * t / U;
                 then low + (peak - low) * (1 + cos(pi * (t - U) / (T - U))) / 2, low = peak / 10000

Metadata `cases`: name -> {"schedule": "cosine" | "exponential" | "multi-step" | "one-cycle", and its settings}.
Keys: <case>, F64 (T).
"""

import numpy as np

import philox
from common import save

STEPS = 10
SHAPE = (6, 5)
AVERAGE_DECAY = 0.9999
AVERAGED = "sgd_nesterov_decay"

OPTIMIZERS = {
    "sgd": dict(optimizer="sgd", momentum=0.0, nesterov=False, weightDecay=0.0),
    "sgd_decay": dict(optimizer="sgd", momentum=0.0, nesterov=False, weightDecay=0.1),
    "sgd_momentum": dict(optimizer="sgd", momentum=0.9, nesterov=False, weightDecay=0.0),
    "sgd_momentum_decay": dict(optimizer="sgd", momentum=0.9, nesterov=False, weightDecay=0.1),
    "sgd_nesterov": dict(optimizer="sgd", momentum=0.9, nesterov=True, weightDecay=0.0),
    "sgd_nesterov_decay": dict(optimizer="sgd", momentum=0.9, nesterov=True, weightDecay=0.1),
    "rmsprop": dict(optimizer="rmsprop", decay=0.9, momentum=0.9, epsilon=1e-3, weightDecay=0.0),
    "rmsprop_decay": dict(optimizer="rmsprop", decay=0.9, momentum=0.9, epsilon=1e-3, weightDecay=0.1),
    "adamw": dict(optimizer="adamw", beta1=0.9, beta2=0.999, epsilon=1e-8, weightDecay=0.0),
    "adamw_decay": dict(optimizer="adamw", beta1=0.9, beta2=0.999, epsilon=1e-8, weightDecay=0.1),
}

SCHEDULES = {
    "cosine": dict(schedule="cosine", peak=0.1, epochs=5, stepsPerEpoch=20, warmupEpochs=0),
    "cosine_warmup": dict(schedule="cosine", peak=0.1, epochs=5, stepsPerEpoch=20, warmupEpochs=1),
    "cosine_warmup_fraction": dict(schedule="cosine", peak=0.1, epochs=3, stepsPerEpoch=17, warmupEpochs=0.15),
    "exponential": dict(
        schedule="exponential", peak=0.256, epochs=20, stepsPerEpoch=10, warmupEpochs=0, decay=0.97, decayEpochs=2.4
    ),
    "exponential_warmup": dict(
        schedule="exponential", peak=0.256, epochs=20, stepsPerEpoch=10, warmupEpochs=5, decay=0.97, decayEpochs=2.4
    ),
    "multi_step": dict(
        schedule="multi-step", peak=0.1, epochs=9, stepsPerEpoch=11, warmupEpochs=0, milestones=[3, 6, 8], gamma=0.1
    ),
    "multi_step_warmup": dict(
        schedule="multi-step", peak=0.1, epochs=9, stepsPerEpoch=11, warmupEpochs=2, milestones=[3, 6, 8], gamma=0.1
    ),
    "one_cycle": dict(schedule="one-cycle", peak=0.4, epochs=5, stepsPerEpoch=20),
    "one_cycle_uneven": dict(schedule="one-cycle", peak=0.4, epochs=3, stepsPerEpoch=17),
}


def sgd(w, gradients, rates, momentum, nesterov, weightDecay):
    velocity = None
    for gradient, rate in zip(gradients, rates):
        g = gradient + weightDecay * w
        if momentum == 0:
            w = w - rate * g
        else:
            velocity = g if velocity is None else momentum * velocity + g
            w = w - rate * (g + momentum * velocity if nesterov else velocity)
        yield w


def rmsprop(w, gradients, rates, decay, momentum, epsilon, weightDecay):
    mean_square = np.ones_like(w)
    velocity = np.zeros_like(w)
    for gradient, rate in zip(gradients, rates):
        g = gradient + weightDecay * w
        mean_square = decay * mean_square + (1 - decay) * g**2
        velocity = momentum * velocity + rate * g / np.sqrt(mean_square + epsilon)
        w = w - velocity
        yield w


def adamw(w, gradients, rates, beta1, beta2, epsilon, weightDecay):
    first = np.zeros_like(w)
    second = np.zeros_like(w)
    for t, (g, rate) in enumerate(zip(gradients, rates), start=1):
        first = beta1 * first + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g**2
        w = w - rate * weightDecay * w
        w = w - rate * (first / (1 - beta1**t)) / (np.sqrt(second / (1 - beta2**t)) + epsilon)
        yield w


UPDATES = {"sgd": sgd, "rmsprop": rmsprop, "adamw": adamw}


def half_cosine(progress):
    """From 1 at progress 0 to 0 at progress 1."""
    return (1 + np.cos(np.pi * progress)) / 2


def warmed_up(rate, peak, t, warmup_steps):
    return peak * t / warmup_steps if t < warmup_steps else rate


def cosine(t, peak, epochs, stepsPerEpoch, warmupEpochs):
    total, warmup = epochs * stepsPerEpoch, warmupEpochs * stepsPerEpoch
    return warmed_up(peak * half_cosine((t - warmup) / (total - warmup)), peak, t, warmup)


def exponential(t, peak, epochs, stepsPerEpoch, warmupEpochs, decay, decayEpochs):
    rate = peak * decay ** np.floor(t / (decayEpochs * stepsPerEpoch))
    return warmed_up(rate, peak, t, warmupEpochs * stepsPerEpoch)


def multi_step(t, peak, epochs, stepsPerEpoch, warmupEpochs, milestones, gamma):
    passed = sum(t >= milestone * stepsPerEpoch for milestone in milestones)
    return warmed_up(peak * gamma**passed, peak, t, warmupEpochs * stepsPerEpoch)


def one_cycle(t, peak, epochs, stepsPerEpoch):
    total = epochs * stepsPerEpoch
    rise = 0.3 * total
    if t < rise:
        return peak / 25 + (peak - peak / 25) * t / rise
    low = peak / 10000
    return low + (peak - low) * half_cosine((t - rise) / (total - rise))


RATES = {"cosine": cosine, "exponential": exponential, "multi-step": multi_step, "one-cycle": one_cycle}


def without(settings, key):
    return {name: value for name, value in settings.items() if name != key}


def make_optimizers():
    initial = philox.tensor(0, SHAPE)
    gradients = [philox.tensor(1 + t, SHAPE, 1 + t / 4) for t in range(STEPS)]
    rates = 0.05 * (1 - np.arange(STEPS) / 20)
    tensors = {"learning_rates": rates}
    tensors.update({f"gradient.{t}": gradient for t, gradient in enumerate(gradients)})
    for name, settings in OPTIMIZERS.items():
        update = UPDATES[settings["optimizer"]]
        weights = [initial, *update(initial, gradients, rates, **without(settings, "optimizer"))]
        tensors.update({f"{name}/weight.{t}": w for t, w in enumerate(weights)})

    average = initial
    decays = [min(AVERAGE_DECAY, (1 + t) / (10 + t)) for t in range(STEPS)]
    tensors["average.0"] = average
    for t, decay in enumerate(decays, start=1):
        average = decay * average + (1 - decay) * tensors[f"{AVERAGED}/weight.{t}"]
        tensors[f"average.{t}"] = average
    tensors["average_decays"] = np.array(decays)
    save("optimizers", tensors, {"cases": OPTIMIZERS, "averageDecay": AVERAGE_DECAY, "averaged": AVERAGED})


def make_schedules():
    tensors = {}
    for name, settings in SCHEDULES.items():
        rate = RATES[settings["schedule"]]
        steps = settings["epochs"] * settings["stepsPerEpoch"]
        tensors[name] = np.array([rate(t, **without(settings, "schedule")) for t in range(steps)])
    save("schedules", tensors, {"cases": SCHEDULES})


if __name__ == "__main__":
    make_optimizers()
    make_schedules()
