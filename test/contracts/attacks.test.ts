/** What every attack must do, whatever it is. */
import { describe, expect, test } from "vitest";
import type { Attack, LogitsFunction } from "../../src/attacks/attack.js";
import { type AttackOptions, attackGradients, createAttack } from "../../src/attacks/create.js";
import { TRAINING_ATTACKS } from "../../src/attacks/names.js";
import { attackReach, attackSteps, defaultEpsilon, paperEpsilon } from "../../src/attacks/strength.js";
import { randomTargets } from "../../src/attacks/target.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK, TRAIN } from "../../src/nn/context.js";
import type { SampleKeys } from "../../src/nn/keys.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import {
  fromArray,
  GradientStore,
  gradientOf,
  keep,
  keyedNormal,
  memoryStats,
  scope,
  type Tensor,
} from "../../src/tensor/index.js";
import {
  add,
  channelsLast,
  clamp,
  detach,
  keyedUniform,
  linear,
  mul,
  remainder,
  reshape,
  rows,
  sign,
} from "../../src/tensor/operators.js";
import { maxDifference } from "../support/golden.js";

const steps = { stepSize: 2 / 255, steps: 4 };
const start = { randomStart: true, cleanStartProbability: 0 };
const far = { norm: "l2", epsilon: 1.5, stepSize: 0.5, steps: 4 } as const;
const near = { norm: "linf", epsilon: 4 / 255 } as const;

const ATTACKS: Readonly<Record<string, AttackOptions>> = {
  "pgd, random target": { name: "pgd", ...near, ...steps, ...start, target: "random" },
  "pgd, untargeted": { name: "pgd", ...near, ...steps, ...start, target: "none" },
  "pgd, half clean starts": { name: "pgd", ...near, ...steps, ...start, cleanStartProbability: 0.5, target: "none" },
  "pgd, l2, random target": { name: "pgd", ...far, ...start, target: "random" },
  "pgd, l2, untargeted": { name: "pgd", ...far, ...start, target: "none" },
  "i-fgsm": { name: "i-fgsm", ...near, ...steps, target: "random" },
  "i-fgsm, l2": { name: "i-fgsm", ...far, target: "none" },
  gd: { name: "gd", ...near, ...steps, steps: 8, ...start, target: "none" },
  "gd, l2": { name: "gd", ...far, steps: 8, ...start, target: "random" },
  fgsm: { name: "fgsm", ...near, target: "random" },
  "fgsm, l2": { name: "fgsm", norm: "l2", epsilon: 1.5, target: "none" },
  noise: { name: "noise", ...near },
  "noise, l2": { name: "noise", norm: "l2", epsilon: 1.5 },
  "sign-noise": { name: "sign-noise", ...near },
  "sign-noise, l2": { name: "sign-noise", norm: "l2", epsilon: 1.5 },
  "pgd, smoothed targets": { name: "pgd", ...near, ...steps, ...start, target: "random", labelSmoothing: 0.1 },
};

const CLASSES = 10;
const COUNT = 6;
const model = createClassifier("resnet20", { classes: Array.from({ length: CLASSES }, (_, i) => `class ${i}`) });
// In float64 no gradient is rounded to the other sign in a batch of another size.
model.initialize(3, "float64");
const samples = fromArray([4, 0, 17, 49999, 2 ** 32 - 1, 5], [COUNT], "int64");
const keys: SampleKeys = { seed: 7, epoch: 2, samples };
const images = scope(() => {
  const drawn = keyedUniform(samples, [3, 16, 16], { seed: 1, epoch: 0, purpose: Purpose.synthesis });
  // Many pixels at the border, so that the clips act.
  return keep(
    channelsLast(
      fromArray(
        drawn.toNumbers().map((u) => Math.min(1, Math.max(0, 1.5 * u - 0.25))),
        drawn.shape,
        "float64",
      ),
    ),
  );
});
const labels = fromArray([3, 1, 4, 1, 5, 9], [COUNT], "int64");
const logits: LogitsFunction = (x) => model.forward(x, { ...ATTACK, route: "main" });
// Statistics of a pass, so that the running ones are not those of the start.
scope(() => model.forward(images, { ...TRAIN, route: "main", keys }));

const targeted = (options: AttackOptions): boolean => "target" in options && options.target === "random";

/** Each image's numbers. */
const byImage = (x: Tensor): number[][] => {
  const all = x.toNumbers();
  const size = all.length / x.shape[0];
  return Array.from({ length: x.shape[0] }, (_, i) => all.slice(i * size, (i + 1) * size));
};

/** The distance of each image from its original. */
function distances(norm: "linf" | "l2", x: Tensor, from: Tensor = images): number[] {
  const original = byImage(from);
  return byImage(x).map((image, i) => {
    const changes = image.map((value, j) => Math.abs(value - original[i][j]));
    return norm === "linf" ? Math.max(...changes) : Math.hypot(...changes);
  });
}

const meanLoss = (x: Tensor, goal: Tensor): number => scope(() => crossEntropy(logits(x), goal).item());

const run = (attack: Attack, of = images, as = labels, by = keys): Tensor => attack.perturb(logits, of, as, by);

test("every attack of training is checked here", () => {
  const names: string[] = Object.values(ATTACKS).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining([...TRAINING_ATTACKS]));
});

describe.each(Object.entries(ATTACKS))("%s", (_name, options) => {
  const attack = createAttack(options);

  test("stays in [0, 1] and within its distance, and changes every image", () => {
    scope(() => {
      const adversarial = run(attack);
      expect(adversarial.shape).toEqual(images.shape);
      expect(adversarial.strides).toEqual(images.strides);
      expect(adversarial.requiresGradient).toBe(false);
      for (const value of adversarial.toNumbers()) expect(value >= 0 && value <= 1).toBe(true);
      const most = attackReach(options);
      for (const distance of distances(options.norm, adversarial)) {
        expect(distance).toBeGreaterThan(0);
        expect(distance).toBeLessThanOrEqual(most * (1 + 1e-5) + 1e-7);
      }
    });
  });

  test.skipIf(attackGradients(options) === 0)("moves the loss its own way", () => {
    scope(() => {
      const goal = targeted(options) ? randomTargets(labels, CLASSES, keys) : labels;
      const gain = meanLoss(run(attack), goal) - meanLoss(images, goal);
      expect(targeted(options) ? -gain : gain).toBeGreaterThan(0.01);
    });
  });

  test("changes no buffer, no parameter and not its images, and leaves no gradient", () => {
    scope(() => {
      const before = Array.from(model.network.state(), ([, tensor]) => tensor.toNumbers());
      const pixels = images.toNumbers();
      run(attack);
      expect(Array.from(model.network.state(), ([, tensor]) => tensor.toNumbers())).toEqual(before);
      expect(images.toNumbers()).toEqual(pixels);
      expect(
        new GradientStore(model.parameters.map(({ value }) => value)).read().every((one) => one === undefined),
      ).toBe(true);
    });
  });

  test("repeats itself, and its draws are of the seed", () => {
    scope(() => {
      expect(run(attack).toNumbers()).toEqual(run(attack).toNumbers());
      const random = attackGradients(options) === 0 || "randomStart" in options || targeted(options);
      const other = run(attack, images, labels, { ...keys, seed: 8 });
      expect(maxDifference(run(attack).toNumbers(), other.toNumbers()) > 0).toBe(random);
    });
  });

  test("gives an image the same adversarial one in any batch", () => {
    scope(() => {
      const whole = byImage(run(attack));
      const part = (x: Tensor) => channelsLast(rows(x, 2, 5));
      const alone = byImage(run(attack, part(images), rows(labels, 2, 5), { ...keys, samples: rows(samples, 2, 5) }));
      alone.forEach((image, i) => {
        expect(maxDifference(image, whole[i + 2])).toBeLessThan(1e-9);
      });
    });
  });

  test("takes as many gradients as it says, and leaves no tensor behind", () => {
    const { liveTensors } = memoryStats();
    let passes = 0;
    const counted: LogitsFunction = (x) => {
      passes += 1;
      return logits(x);
    };
    attack.perturb(counted, images, labels, keys).dispose();
    expect(passes).toBe(attackGradients(options));
    expect(memoryStats().liveTensors).toBe(liveTensors);
  });
});

describe("linf start", () => {
  test("fills the ball", () => {
    scope(() => {
      const grey = mul(images, 0);
      const middle = fromArray(new Array(grey.size).fill(0.5), grey.shape);
      const values = run(createAttack({ name: "noise", ...near }), middle).toNumbers();
      const changes = values.map((value) => ((value - 0.5) * 255) / 4);
      expect(Math.min(...changes)).toBeLessThan(-0.99);
      expect(Math.max(...changes)).toBeGreaterThan(0.99);
      expect(changes.reduce((total, change) => total + change, 0) / changes.length).toBeCloseTo(0, 1);
    });
  });
});

describe("sign noise", () => {
  test("is as large as PGD-1, and noise is not", () => {
    scope(() => {
      const [count, side] = [64, 16];
      const many = fromArray(
        Array.from({ length: count }, (_, i) => i),
        undefined,
        "int64",
      );
      const grey = fromArray(new Array(count * 3 * side * side).fill(0.5), [count, 3, side, side], "float64");
      const size = (options: AttackOptions) => {
        const perturbed = createAttack(options).perturb(logits, grey, remainder(many, CLASSES), {
          ...keys,
          samples: many,
        });
        const changes = perturbed.toNumbers().map((value) => (value - 0.5) / near.epsilon);
        const mean = changes.reduce((total, change) => total + change, 0) / changes.length;
        const edge = changes.filter((change) => Math.abs(change) > 1 - 1e-6).length / changes.length;
        return {
          mean,
          edge,
          rms: Math.sqrt(changes.reduce((total, change) => total + change ** 2, 0) / changes.length),
        };
      };
      const signed = size({ name: "sign-noise", ...near });
      // One step of epsilon from a uniform start: half of the pixels end on the ball, the others uniformly within.
      expect(signed.rms).toBeCloseTo(Math.sqrt(2 / 3), 2);
      expect(signed.edge).toBeCloseTo(1 / 2, 1);
      expect(signed.mean).toBeCloseTo(0, 1);
      expect(size({ name: "noise", ...near }).rms).toBeCloseTo(Math.sqrt(1 / 3), 2);
      const once = { stepSize: near.epsilon, steps: 1 };
      // Of a network that looks at the pixels, some gradients are 0: of this one hardly any.
      const ofAttack = size({ name: "pgd", ...near, ...once, ...start, target: "none" });
      expect(ofAttack.rms).toBeCloseTo(signed.rms, 1);
    });
  });

  test("asks the network nothing, and is not its start", () => {
    scope(() => {
      const signed = run(createAttack({ name: "sign-noise", ...near })).toNumbers();
      expect(maxDifference(signed, run(createAttack({ name: "noise", ...near })).toNumbers())).toBeGreaterThan(
        near.epsilon / 2,
      );
    });
  });
});

test("an attack on smoothed labels is another one, and is PGD of the smoothed loss", () => {
  scope(() => {
    const of = {
      ...near,
      stepSize: near.epsilon,
      steps: 1,
      randomStart: false,
      cleanStartProbability: 0,
      target: "none",
    } as const;
    const [hard, smoothed] = [0, 0.8].map((labelSmoothing) =>
      run(createAttack({ name: "pgd", ...of, labelSmoothing })).toNumbers(),
    );
    expect(maxDifference(hard, smoothed)).toBeGreaterThan(near.epsilon);
    const x = detach(images).requireGradient();
    const gradient = gradientOf(crossEntropy(logits(x), labels, 0.8, "sum"), x);
    const expected = clamp(add(images, mul(sign(gradient), near.epsilon)), 0, 1).toNumbers();
    expect(maxDifference(smoothed, expected)).toBeLessThan(1e-12);
  });
});

describe("l2", () => {
  const many = fromArray(
    Array.from({ length: 2000 }, (_, i) => i),
    undefined,
    "int64",
  );
  const epsilon = 0.25;

  test("the start is uniform in the ball's volume", () => {
    scope(() => {
      // Three dimensions: the share within half the radius is an eighth.
      const grey = fromArray(new Array(6000).fill(0.5), [2000, 3, 1, 1]);
      const noisy = createAttack({ name: "noise", norm: "l2", epsilon }).perturb(logits, grey, many, {
        ...keys,
        samples: many,
      });
      const radii = distances("l2", noisy, grey);
      expect(Math.max(...radii)).toBeLessThanOrEqual(epsilon * (1 + 1e-5));
      // Four standard errors of a share of 2000 draws.
      const inner = radii.filter((radius) => radius < epsilon / 2).length / 2000;
      expect(Math.abs(inner - 1 / 8)).toBeLessThan(4 * Math.sqrt(((1 / 8) * (7 / 8)) / 2000));
      const upper = byImage(noisy).filter(([red]) => red > 0.5).length / 2000;
      expect(Math.abs(upper - 1 / 2)).toBeLessThan(4 * Math.sqrt(1 / 4 / 2000));
    });
  });

  test("an image without a gradient stays where it is, and the tiniest gradient makes a whole step", () => {
    scope(() => {
      const pixels = fromArray(new Array(9).fill(0.5), [3, 3, 1, 1]);
      const slopes = fromArray([0, 0, 0, 3, 0, 4, 3e-30, 0, 4e-30], [3, 3, 1, 1]);
      const sloped: LogitsFunction = (x) => {
        const score = mul(x, slopes);
        return slopeLogits(score);
      };
      const attack = createAttack({
        name: "i-fgsm",
        norm: "l2",
        epsilon: 0.5,
        stepSize: 0.1,
        steps: 1,
        target: "none",
      });
      const three = { ...keys, samples: rows(samples, 0, 3) };
      const moved = byImage(attack.perturb(sloped, pixels, fromArray([0, 0, 0], [3], "int64"), three));
      expect(moved[0]).toEqual([0.5, 0.5, 0.5]);
      for (const image of moved.slice(1)) {
        expect(maxDifference(image, [0.5 - 0.06, 0.5, 0.5 - 0.08])).toBeLessThan(1e-6);
      }
    });
  });
});

test("the share of clean starts is the probability, image by image", () => {
  const count = 4000;
  const probability = 0.2;
  scope(() => {
    const many = fromArray(
      Array.from({ length: count }, (_, i) => i),
      undefined,
      "int64",
    );
    const grey = fromArray(new Array(count * 3).fill(0.5), [count, 3, 1, 1]);
    let first: Tensor | undefined;
    const recorded: LogitsFunction = (x) => {
      first ??= keep(x);
      return slopeLogits(x);
    };
    const options = {
      name: "pgd",
      ...near,
      ...steps,
      ...start,
      cleanStartProbability: probability,
      target: "none",
    } as const;
    createAttack(options).perturb(recorded, grey, mul(many, 0), { ...keys, samples: many });
    const clean = byImage(first as Tensor).filter((image) => image.every((value) => value === 0.5)).length / count;
    // Four standard errors; the published code's coin, drawn from a normal distribution, has 0.58 here.
    expect(Math.abs(clean - probability)).toBeLessThan(4 * Math.sqrt((probability * (1 - probability)) / count));
    first?.dispose();
  });
});

test("keyedNormal gives the numbers of KeyedRandom.normal, of mean 0 and variance 1", () => {
  scope(() => {
    const drawn = keyedNormal(
      samples,
      [3, 5, 7],
      { seed: 7, epoch: 2, purpose: Purpose.attackStart, stream: 1 },
      "float64",
    );
    expect(drawn.shape).toEqual([COUNT, 3, 5, 7]);
    byImage(drawn).forEach((values, i) => {
      const random = new KeyedRandom(7, Purpose.attackStart, 2, Number((samples.toArray() as BigInt64Array)[i]), 1);
      expect(
        maxDifference(
          values,
          values.map((_, j) => random.normal(j)),
        ),
      ).toBeLessThan(1e-12);
    });
    const values = drawn.toNumbers();
    const mean = values.reduce((total, value) => total + value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(values.length));
  });
});

describe("mistakes", () => {
  const pgd = { name: "pgd", ...near, ...steps, ...start, target: "none" } as const;
  test.each([
    [{ ...pgd, epsilon: 8 }, "ERR_EPSILON", /linf: epsilon must be in \(0, 1\).*Did you mean 8\/255\?/],
    [{ ...pgd, epsilon: 1 }, "ERR_EPSILON", /linf: epsilon must be in \(0, 1\).*Did you mean 1\/255\?/],
    [{ ...pgd, stepSize: 1 }, "ERR_EPSILON", /pgd: stepSize must be in \(0, 1\).*Did you mean 1\/255\?/],
    [{ ...pgd, stepSize: 0 }, "ERR_EPSILON", /pgd: stepSize must be in \(0, 1\)/],
    [{ ...pgd, norm: "l2", epsilon: -1 }, "ERR_EPSILON", /l2: epsilon must be a positive number/],
    [{ ...pgd, steps: 1.5 }, "ERR_ATTACK_STEPS", /steps must be a positive integer; got 1.5/],
    [{ ...pgd, cleanStartProbability: 2 }, "ERR_PROBABILITY", /cleanStartProbability must be in \[0, 1\]; got 2/],
  ] as const)("%j is refused", (options, code, message) => {
    expect(() => createAttack(options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});

describe("the paper's strength", () => {
  test.each([
    [0.5, 1],
    [1, 1],
    [2, 3],
    [3, 4],
    [4, 5],
    [8, 9],
  ])("takes for epsilon %s/255 %s steps", (epsilon, count) => {
    expect(attackSteps(epsilon / 255)).toBe(count);
  });

  test("grows with the network", () => {
    const sizes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    expect(sizes.map((size) => (paperEpsilon(`efficientnet-b${size}`) ?? 0) * 255)).toEqual([
      1, 1, 2, 2, 3, 3, 4, 4, 4,
    ]);
    expect(paperEpsilon("resnet50")).toBe(1 / 255);
    expect(paperEpsilon("resnet20")).toBeUndefined();
    expect(defaultEpsilon("resnet20")).toBe(1 / 255);
    expect(defaultEpsilon("efficientnet-b7")).toBe(4 / 255);
  });
});

/** Two logits of images [N, C, 1, 1]: the sum of the channels, and 0. */
function slopeLogits(x: Tensor): Tensor {
  const [count, channels] = x.shape;
  const weight = fromArray([...new Array(channels).fill(1), ...new Array(channels).fill(0)], [2, channels]);
  return linear(reshape(x, [count, channels]), weight, fromArray([0, 0], [2]));
}
