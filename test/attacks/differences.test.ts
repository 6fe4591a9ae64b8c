/** The attacks differ from each other in the documented ways. */
import { describe, expect, test } from "vitest";
import type { LogitsFunction } from "../../src/attacks/attack.js";
import { type AttackOptions, createAttack } from "../../src/attacks/create.js";
import { trainingAttack } from "../../src/attacks/evaluation/auto-attack.js";
import { inMicroBatches } from "../../src/attacks/micro-batches.js";
import { attackReach } from "../../src/attacks/strength.js";
import { randomTargets } from "../../src/attacks/target.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { insideBall, unitPixels } from "../../src/evaluation/robustness.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK, type ForwardContext, TRAIN } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { whiteBox } from "../../src/predictors/white-box.js";
import { Purpose } from "../../src/random.js";
import { buildLearner } from "../../src/recipes/build/build.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import { type DType, fromArray, gradientOf, scope, type Tensor } from "../../src/tensor/index.js";
import {
  cast,
  channelsLast,
  clone,
  concat,
  detach,
  keyedUniform,
  mul,
  reshape,
  sum,
} from "../../src/tensor/operators.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { makeDataset } from "../support/datasets.js";
import { maxDifference } from "../support/golden.js";

const COUNT = 4;
const CLASSES = 5;
const SIDE = 8;
const samples = fromArray([4, 0, 17, 5], [COUNT], "int64");
const keys = { seed: 7, epoch: 2, samples };
const labels = fromArray([3, 1, 4, 1], [COUNT], "int64");
const models = Object.fromEntries(
  (["float32", "float64"] as const).map((dtype) => {
    const classes = Array.from({ length: CLASSES }, (_, i) => `class ${i}`);
    const model = createClassifier("resnet8", { classes, imageSize: SIDE }).initialize(3, dtype);
    scope(() => model.forward(draw(dtype), { ...TRAIN, route: "main", keys }));
    return [dtype, model];
  }),
);

/** Pixels of which some lie at the ends of the range. */
function draw(dtype: DType): Tensor {
  const uniform = keyedUniform(samples, [3, SIDE, SIDE], { seed: 1, epoch: 0, purpose: Purpose.synthesis }, "float64");
  const values = uniform.toNumbers().map((u) => Math.min(1, Math.max(0, 1.25 * u - 0.125)));
  return channelsLast(cast(fromArray(values, uniform.shape, "float64"), dtype));
}

const logitsOf =
  (dtype: DType): LogitsFunction =>
  (x) =>
    models[dtype].forward(x, { ...ATTACK, route: "main" });

/** The adversarial pixels, and the images that the attack passed to the network, in order. */
function made(options: AttackOptions, seed = keys.seed, dtype: DType = "float64") {
  return scope(() => {
    const asked: number[][] = [];
    const logits: LogitsFunction = (x) => {
      asked.push(x.toNumbers());
      return logitsOf(dtype)(x);
    };
    const pixels = createAttack(options)
      .perturb(logits, draw(dtype), labels, { ...keys, seed })
      .toNumbers();
    return { pixels, asked };
  });
}

const clean = scope(() => draw("float64").toNumbers());
const lossTowards = (pixels: readonly number[], goal: Tensor): number =>
  crossEntropy(logitsOf("float64")(fromArray(pixels, [COUNT, 3, SIDE, SIDE], "float64")), goal).item();
const size = clean.length / COUNT;
/** The distance of each image from its original. */
const distances = (norm: "linf" | "l2", pixels: readonly number[], from: readonly number[] = clean): number[] =>
  Array.from({ length: COUNT }, (_, n) => {
    const changes = pixels.slice(n * size, (n + 1) * size).map((value, i) => Math.abs(value - from[n * size + i]));
    return norm === "linf" ? Math.max(...changes) : Math.hypot(...changes);
  });

/** Steps that leave the ball at once in both norms, so that the projection matters. */
const BALLS = [
  ["linf", { norm: "linf", epsilon: 1 / 255 }, { stepSize: 4 / 255, steps: 5 }],
  ["l2", { norm: "l2", epsilon: 0.2 }, { stepSize: 0.3, steps: 5 }],
] as const;
const start = { randomStart: true, cleanStartProbability: 0 } as const;

describe.each(BALLS)("%s", (norm, ball, steps) => {
  const attackers = (target: "none" | "random"): Readonly<Record<string, AttackOptions>> => ({
    pgd: { name: "pgd", ...ball, ...steps, ...start, target },
    "pgd from the images": { name: "pgd", ...ball, ...steps, ...start, randomStart: false, target },
    gd: { name: "gd", ...ball, ...steps, ...start, target },
    "i-fgsm": { name: "i-fgsm", ...ball, ...steps, target },
    fgsm: { name: "fgsm", ...ball, target },
  });
  const all: readonly (readonly [string, AttackOptions])[] = [
    ...Object.entries(attackers("none")),
    ...Object.entries(attackers("random")).map(([name, options]) => [`${name}, targeted`, options] as const),
    ["noise", { name: "noise", ...ball }],
    ["sign-noise", { name: "sign-noise", ...ball }],
  ];

  test("no two attacks give the same images, except PGD without a random start, which is I-FGSM", () => {
    const results = all.map(([name, options]) => [name, made(options).pixels] as const);
    const equal = results.flatMap(([a, first], i) =>
      results.slice(i + 1).flatMap(([b, second]) => (maxDifference(first, second) < 1e-6 ? [`${a} = ${b}`] : [])),
    );
    expect(equal).toEqual(["pgd from the images = i-fgsm", "pgd from the images, targeted = i-fgsm, targeted"]);
  });

  test.each(["float32", "float64"] as const)(
    "gd is not projected: it is the plain loop, clipped to [0, 1], in %s",
    (dtype) => {
      for (const target of ["none", "random"] as const) {
        const options = attackers(target).gd;
        const { pixels, asked } = made(options, keys.seed, dtype);
        // The same start as PGD's.
        expect(asked[0]).toEqual(made(attackers(target).pgd, keys.seed, dtype).asked[0]);
        let x = asked[0];
        for (let t = 0; t < steps.steps; t++) {
          const gradient = scope(() => {
            const point = detach(cast(fromArray(asked[t], [COUNT, 3, SIDE, SIDE], "float64"), dtype)).requireGradient();
            const goal = target === "random" ? randomTargets(labels, CLASSES, keys) : labels;
            return gradientOf(crossEntropy(logitsOf(dtype)(point), goal, 0, "sum"), point).toNumbers();
          });
          const towards = target === "random" ? -steps.stepSize : steps.stepSize;
          x = asked[t].map((value, i) => {
            const n = Math.floor(i / size);
            const length = Math.hypot(...gradient.slice(n * size, (n + 1) * size));
            const direction = norm === "linf" ? Math.sign(gradient[i]) : gradient[i] / length;
            return Math.min(1, Math.max(0, value + towards * direction));
          });
          // A gradient near zero whose sign changes by rounding would change a whole step. None of these does.
          expect(maxDifference(x, asked[t + 1] ?? pixels)).toBeLessThan(dtype === "float32" ? 1e-5 : 1e-12);
        }
      }
    },
  );

  test("gd ends outside the ball and within its reach, where pgd stays inside", () => {
    for (const target of ["none", "random"] as const) {
      const { gd, pgd } = attackers(target);
      for (const distance of distances(norm, made(pgd).pixels)) expect(distance).toBeLessThan(ball.epsilon + 1e-9);
      for (const distance of distances(norm, made(gd).pixels)) {
        expect(distance).toBeGreaterThan(3 * ball.epsilon);
        expect(distance).toBeLessThanOrEqual(attackReach(gd) + 1e-9);
      }
    }
  });

  test("i-fgsm is not pgd: it starts at the images, whatever the seed", () => {
    const options = attackers("none")["i-fgsm"];
    const { pixels, asked } = made(options);
    expect(asked[0]).toEqual(clean);
    expect(made(options, 8).pixels).toEqual(pixels);
    const { pgd } = attackers("none");
    for (const distance of distances(norm, made(pgd).asked[0])) expect(distance).toBeGreaterThan(ball.epsilon / 2);
    expect(made(pgd, 8).pixels).not.toEqual(made(pgd).pixels);
  });

  test("fgsm is not i-fgsm: one step, from the images to the ball's surface", () => {
    const { pixels, asked } = made(attackers("none").fgsm);
    expect(asked).toEqual([clean]);
    const free = clean.map((value, i) => (value > 0.1 && value < 0.9 ? i : -1)).filter((i) => i >= 0);
    if (norm === "linf") {
      for (const i of free) expect(Math.abs(pixels[i] - clean[i])).toBeCloseTo(ball.epsilon, 9);
    } else {
      for (const distance of distances(norm, pixels)) expect(distance).toBeGreaterThan(0.8 * ball.epsilon);
    }
    expect(maxDifference(pixels, made(attackers("none")["i-fgsm"]).pixels)).toBeGreaterThan(1e-3);
  });

  test("noise is not an attack: it does not use the network, equals pgd's start, and raises the loss less", () => {
    const noise = made({ name: "noise", ...ball });
    expect(noise.asked).toEqual([]);
    const { pgd } = attackers("none");
    expect(noise.pixels).toEqual(made(pgd).asked[0]);
    scope(() => {
      const gain = (pixels: readonly number[]) => lossTowards(pixels, labels) - lossTowards(clean, labels);
      expect(Math.abs(gain(noise.pixels))).toBeLessThan(0.5 * gain(made(pgd).pixels));
    });
  });

  test.each(["pgd", "gd", "i-fgsm", "fgsm"])(
    "targeted %s moves towards the drawn class, not only away from the label",
    (name) => {
      scope(() => {
        const goal = randomTargets(labels, CLASSES, keys);
        expect(goal.toNumbers().some((target, i) => target === labels.toNumbers()[i])).toBe(false);
        const [away, towards] = [attackers("none")[name], attackers("random")[name]].map((one) => made(one).pixels);
        expect(lossTowards(towards, goal)).toBeLessThan(lossTowards(clean, goal));
        expect(lossTowards(towards, goal)).toBeLessThan(lossTowards(away, goal));
        expect(lossTowards(away, labels)).toBeGreaterThan(lossTowards(clean, labels));
        expect(lossTowards(away, labels)).toBeGreaterThan(lossTowards(towards, labels));
      });
    },
  );

  test("gd leaves the ball in parts of a batch and as an evaluation's attack too", () => {
    const { gd } = attackers("none");
    scope(() => {
      const whole = made(gd).pixels;
      const parts = inMicroBatches(createAttack(gd), 3).perturb(logitsOf("float64"), draw("float64"), labels, keys);
      expect(maxDifference(parts.toNumbers(), whole)).toBeLessThan(1e-9);
      const { attack } = trainingAttack(gd, 2);
      const best = attack.perturb(logitsOf("float64"), draw("float64"), labels, keys).toNumbers();
      for (const distance of distances(norm, best)) expect(distance).toBeGreaterThan(3 * ball.epsilon);
    });
  });

  test.each(["pgd", "gd"] as const)("training with %s uses the images of that attack", async (name) => {
    const recipe = resolveRecipe({ model: "resnet8", attack: { name, ...ball, ...steps, target: "none" } });
    const data = makeDataset({ length: COUNT, classes: CLASSES, height: SIDE, width: SIDE });
    const [pixels] = evaluationBatches(data, COUNT);
    const { classes } = data;
    const { model, step } = await buildLearner(recipe, {
      classes,
      imageSize: SIDE,
      whole: true,
      preview: async () => pixels,
    });
    const seen: number[][] = [];
    const forward = model.forward.bind(model);
    model.forward = (x: Tensor, context: ForwardContext) => {
      if (context.route === "aux" && context.update) seen.push(clone(x).toNumbers());
      return forward(x, context);
    };
    scope(() => step(batchFromPixels(pixels, { seed: 1, epoch: 0 })));
    expect(seen).toHaveLength(1);
    const original = scope(() => batchFromPixels(pixels, { seed: 1, epoch: 0 }).images.toNumbers());
    for (const distance of distances(norm, seen[0], original)) {
      if (name === "gd") expect(distance).toBeGreaterThan(2 * ball.epsilon);
      else expect(distance).toBeLessThan(ball.epsilon + 1e-5);
    }
  });

  test("an evaluation counts successes of gd within its reach, and not beyond", async () => {
    const { gd } = attackers("none");
    const data = makeDataset({ length: COUNT, classes: CLASSES, height: SIDE, width: SIDE });
    const [batch] = evaluationBatches(data, COUNT);
    const adversarial = await whiteBox(models.float32).adversary(trainingAttack(gd, 1), 3).perturb(batch);
    const inside = (radius: number) => insideBall(norm, radius, unitPixels(batch), adversarial, COUNT);
    expect(inside(attackReach(gd))).toEqual([true, true, true, true]);
    expect(inside(ball.epsilon)).toEqual([false, false, false, false]);
  });
});

test("rounding does not take gd beyond its reach, however many steps it makes", () => {
  scope(() => {
    // Every step adds a size that float32 rounds to 0.4, and each sum is rounded as well.
    const images = fromArray(new Float32Array(COUNT * 3).fill(0.4), [COUNT, 3, 1, 1]);
    const rising: LogitsFunction = (x) => concat([reshape(mul(sum(x, [1, 2, 3]), -1), [COUNT, 1]), zeros], 1);
    const zeros = fromArray(new Float32Array(COUNT), [COUNT, 1]);
    for (const stepSize of [0.25 / 255, 0.3 / 255, 1 / 3000]) {
      const options = { name: "gd", norm: "linf", epsilon: stepSize, stepSize, steps: 300, target: "none" } as const;
      const attack = createAttack({ ...options, randomStart: false, cleanStartProbability: 0 });
      const risen = attack.perturb(rising, images, fromArray([0, 0, 0, 0], [COUNT], "int64"), keys).toNumbers();
      const [original] = images.toNumbers();
      expect(Math.max(...risen) - original).toBeGreaterThan(299 * stepSize);
      expect(Math.max(...risen) - original).toBeLessThanOrEqual(attackReach(options) - options.epsilon);
    }
  });
});
