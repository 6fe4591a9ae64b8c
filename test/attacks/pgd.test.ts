/** PGD: properties for every image, label and batch. Its golden values are in test/golden/pgd.test.ts. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LogitsFunction } from "../../src/attacks/attack.js";
import { type PgdOptions, pgd } from "../../src/attacks/pgd.js";
import { randomTargets, type Target } from "../../src/attacks/target.js";
import { linf } from "../../src/attacks/threat-model.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK, EVAL, TRAIN } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import {
  call,
  type DType,
  fromArray,
  GradientStore,
  gradientOf,
  memoryStats,
  scope,
  type Tensor,
} from "../../src/tensor/index.js";
import { argmax, clone, keyedUniform, reshape, sub, sum } from "../../src/tensor/operators.js";
import { codedError } from "../support/errors.js";
import { maxDifference } from "../support/golden.js";

const labelsOf = (values: readonly number[]) => fromArray(values, [values.length], "int64");
const keysOf = (samples: readonly number[], seed = 7, epoch = 2) => ({ seed, epoch, samples: labelsOf(samples) });

/** A small network with an auxiliary route whose statistics differ from the initial ones. */
const model = createClassifier("resnet20", { classes: ["a", "b", "c", "d"], routes: ["aux"], imageSize: 8 }).initialize(
  1,
);
const pixels = (samples: readonly number[], dtype: DType = "float32") =>
  keyedUniform(labelsOf(samples), [3, 8, 8], { seed: 1, epoch: 0, purpose: 13 }, dtype);
for (const route of ["main", "aux"]) {
  scope(() => model.forward(pixels([...Array(16).keys()]), { ...TRAIN, route }));
}
const attacked: LogitsFunction = (x) => model.forward(x, { ...ATTACK, route: "aux" });
const rows = (x: Tensor): number[][] => {
  const numbers = x.toNumbers();
  const size = numbers.length / x.shape[0];
  return Array.from({ length: x.shape[0] }, (_, n) => numbers.slice(n * size, (n + 1) * size));
};

const options = fc.record({
  epsilon: fc.integer({ min: 1, max: 40 }).map((k) => k / 255),
  stepSize: fc.integer({ min: 1, max: 40 }).map((k) => k / 255),
  steps: fc.integer({ min: 1, max: 3 }),
  target: fc.constantFrom<Target>("random", "none"),
  randomStart: fc.boolean(),
});
const create = ({ epsilon, ...others }: Omit<PgdOptions, "threatModel"> & { epsilon: number }) =>
  pgd({ threatModel: linf(epsilon), ...others });
const batch = fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 6 });

describe("for every batch", () => {
  test("the images stay within the ball and within [0, 1], have no graph, and no other tensor stays alive", () => {
    fc.assert(
      fc.property(options, batch, (settings, samples) =>
        scope(() => {
          const images = pixels(samples);
          const labels = labelsOf(samples.map((sample) => sample % 4));
          const keys = keysOf(samples);
          const before = images.toNumbers();
          const live = memoryStats().liveTensors;
          const adversarial = create(settings).perturb(attacked, images, labels, keys);
          expect(memoryStats().liveTensors).toBe(live + 1);
          expect(adversarial).toMatchObject({ shape: images.shape, dtype: "float32", requiresGradient: false });
          expect(images.toNumbers()).toEqual(before);
          expect(labels.toNumbers()).toEqual(samples.map((sample) => sample % 4));
          const numbers = adversarial.toNumbers();
          expect(numbers.every((value) => value >= 0 && value <= 1)).toBe(true);
          // The bound is itself rounded to float32, once for images - epsilon or images + epsilon.
          expect(maxDifference(numbers, before)).toBeLessThanOrEqual(settings.epsilon + 2 ** -24);
          expect(maxDifference(numbers, before)).toBeGreaterThan(0);
        }),
      ),
      { numRuns: 60 },
    );
  });

  test("an image's start, target and adversarial image depend on neither the order nor the size of its batch", () => {
    fc.assert(
      fc.property(options, batch, fc.nat(), (settings, samples, pick) =>
        scope(() => {
          const attack = create(settings);
          const run = (ids: readonly number[]) => {
            const labels = labelsOf(ids.map((sample) => sample % 4));
            return {
              start: rows(linf(settings.epsilon).start(pixels(ids, "float64"), keysOf(ids))),
              target: randomTargets(labels, 4, keysOf(ids)).toNumbers(),
              image: rows(attack.perturb(smooth, pixels(ids, "float64"), labels, keysOf(ids))),
            };
          };
          const whole = run(samples);
          const reversed = run([...samples].reverse());
          expect(reversed.start).toEqual([...whole.start].reverse());
          expect(reversed.target).toEqual([...whole.target].reverse());
          expect(reversed.image).toEqual([...whole.image].reverse());
          const k = pick % samples.length;
          const alone = run([samples[k]]);
          expect([alone.start[0], alone.target[0], alone.image[0]]).toEqual([
            whole.start[k],
            whole.target[k],
            whole.image[k],
          ]);
        }),
      ),
      { numRuns: 40 },
    );
  });

  test("the same keys give the same bits; another seed, epoch or sample another start", () => {
    const samples = [3, 1, 2];
    const run = (seed: number, epoch: number, ids: readonly number[]) =>
      pgd({ threatModel: linf(8 / 255), stepSize: 2 / 255, steps: 2, target: "random", randomStart: true })
        .perturb(attacked, pixels(samples), labelsOf([0, 1, 2]), keysOf(ids, seed, epoch))
        .toNumbers();
    const first = run(1, 0, samples);
    expect(run(1, 0, samples)).toEqual(first);
    for (const other of [run(2, 0, samples), run(1, 1, samples), run(1, 0, [4, 1, 2])])
      expect(other).not.toEqual(first);
  });
});

/**
 * Logits whose rounding does not depend on the batch, unlike that of convolutions and matrix products: one sum per image and class, in
 * float64.
 */
const directions = reshape(
  keyedUniform(labelsOf([0, 1, 2, 3]), [192], { seed: 2, epoch: 0, purpose: 13 }, "float64"),
  [4, 192],
);
const smooth: LogitsFunction = (x) => {
  const flat = reshape(call("aten::contiguous", [x]), [x.shape[0], 1, 192]);
  return call("aten::sum.dim_IntList", [call("aten::mul.Tensor", [flat, sub(directions, 0.5)]), [2]]);
};

describe("random targets", () => {
  test("are never the label, and uniform over the other classes", () => {
    const classes = 10;
    const count = 20_000;
    const labels = Array.from({ length: count }, (_, i) => i % classes);
    const samples = Array.from({ length: count }, (_, i) => i);
    const targets = randomTargets(labelsOf(labels), classes, keysOf(samples)).toNumbers();
    const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    for (const [i, target] of targets.entries()) counts[labels[i]][target]++;
    const expected = count / classes / (classes - 1);
    for (const [label, row] of counts.entries()) {
      expect(row[label]).toBe(0);
      const chiSquared = row.reduce((total, n, k) => (k === label ? total : total + (n - expected) ** 2 / expected), 0);
      // With 8 degrees of freedom it exceeds 32.9 with probability 6e-5. The keys are fixed, so the test is deterministic.
      expect(chiSquared).toBeLessThan(32.9);
    }
  });

  test("for any labels, classes and keys", () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 1000 }),
        fc.maxSafeNat(),
        word,
        fc.array(fc.tuple(word, fc.nat())),
        (classes, seed, epoch, pairs) =>
          scope(() => {
            const labels = pairs.map(([, label]) => label % classes);
            const samples = pairs.map(([sample]) => sample);
            const targets = randomTargets(labelsOf(labels), classes, keysOf(samples, seed, epoch)).toNumbers();
            for (const [i, target] of targets.entries()) {
              expect(target).not.toBe(labels[i]);
              expect(target >= 0 && target < classes && Number.isInteger(target)).toBe(true);
            }
          }),
      ),
    );
  });

  test("need another class", () => {
    expect(codedError(() => randomTargets(labelsOf([0]), 1, keysOf([0])))).toMatchObject({
      code: "ERR_CLASSES",
      message: "randomTargets: at least 2 classes are needed; got 1",
    });
  });
});

describe("the model under attack", () => {
  const samples = [...Array(12).keys()];
  const labels = labelsOf(samples.map((sample) => sample % 4));
  const settings = { stepSize: 2 / 255, steps: 3, randomStart: true };

  test.each(["random", "none"] as const)("is not changed, and no weight gradient is computed (target %s)", (target) => {
    const state = () => Array.from(model.network.state(), ([name, tensor]) => [name, tensor.toNumbers()]);
    const before = state();
    const store = new GradientStore(model.parameters.map(({ value }) => value));
    scope(() =>
      pgd({ threatModel: linf(8 / 255), ...settings, target }).perturb(
        attacked,
        pixels(samples),
        labels,
        keysOf(samples),
      ),
    );
    expect(state()).toEqual(before);
    expect(store.read().every((gradient) => gradient === undefined)).toBe(true);
  });

  test("its weights are not in the attack's graph, so that no mistake can compute their gradients", () => {
    scope(() => {
      const x = clone(pixels(samples)).requireGradient();
      const store = new GradientStore([x, ...model.parameters.map(({ value }) => value)]);
      store.add(crossEntropy(attacked(x), labels, 0, "sum"));
      const [input, ...weights] = store.read();
      expect(input?.shape).toEqual(x.shape);
      expect(weights.every((gradient) => gradient === undefined)).toBe(true);
      store.clear();
      const { value } = model.parameters[0];
      expect(codedError(() => gradientOf(sum(attacked(x)), value)).code).toBe("ERR_GRADIENT");
    });
  });

  test("is fooled: its loss rises, or falls towards the target, and more steps do more", () => {
    scope(() => {
      const images = pixels(samples);
      const keys = keysOf(samples);
      const clean = model.forward(images, { ...EVAL, route: "aux" });
      const own = argmax(clean, 1);
      const towards = randomTargets(own, 4, keys);
      const losses = (target: Target, steps: number) => {
        const attack = pgd({ threatModel: linf(8 / 255), stepSize: 2 / 255, steps, target, randomStart: true });
        const logits = attacked(attack.perturb(attacked, images, own, keys));
        return crossEntropy(logits, target === "random" ? towards : own).item();
      };
      const before = { none: crossEntropy(clean, own).item(), random: crossEntropy(clean, towards).item() };
      expect(losses("none", 1)).toBeGreaterThan(before.none);
      expect(losses("none", 6)).toBeGreaterThan(losses("none", 1));
      expect(losses("random", 3)).toBeLessThan(before.random);
      expect(losses("random", 6)).toBeLessThan(losses("random", 3));
    });
  });

  test("an error in its logits leaves nothing alive", () => {
    const live = memoryStats().liveTensors;
    const images = scope(() => pixels(samples));
    const attack = pgd({ threatModel: linf(8 / 255), ...settings, target: "random" });
    const keys = keysOf(samples);
    for (const step of [0, 1, 2]) {
      let call = 0;
      const failing: LogitsFunction = (x) => model.forward(x, { ...ATTACK, route: call++ === step ? "none" : "aux" });
      expect(() => attack.perturb(failing, images, labels, keys)).toThrow(/no route/);
    }
    images.dispose();
    keys.samples.dispose();
    expect(memoryStats().liveTensors).toBe(live);
  });
});

test("one label and one key for each image: a list of one is not broadcast", () => {
  const attack = pgd({ threatModel: linf(0.1), stepSize: 0.1, steps: 1, target: "random", randomStart: true });
  const images = pixels([1, 2, 3]);
  for (const [labels, samples] of [
    [[1], [1, 2, 3]],
    [[1, 2, 3], [1]],
    [
      [1, 2, 3, 0],
      [1, 2, 3, 4],
    ],
  ]) {
    expect(codedError(() => attack.perturb(smooth, images, labelsOf(labels), keysOf(samples)))).toMatchObject({
      code: "ERR_SHAPE",
      message: expect.stringMatching(
        new RegExp(`got ${labels.length} labels and ${samples.length} keys for 3 images$`),
      ),
    });
  }
});

describe("options", () => {
  const good: PgdOptions = {
    threatModel: linf(4 / 255),
    stepSize: 1 / 255,
    steps: 1,
    target: "none",
    randomStart: true,
  };

  test.each([0, -1, 1, 1.01, Number.NaN, Infinity])(
    "epsilon and step size %d are outside of the range for pixels in [0, 1]",
    (value) => {
      const rule = `must be in (0, 1) because pixels are in [0, 1]; got ${value}.`;
      expect(codedError(() => linf(value))).toMatchObject({
        code: "ERR_EPSILON",
        message: expect.stringContaining(`linf: epsilon ${rule}`),
      });
      expect(codedError(() => pgd({ ...good, stepSize: value }))).toMatchObject({
        code: "ERR_EPSILON",
        message: expect.stringContaining(`pgd: stepSize ${rule}`),
      });
    },
  );

  test("the message suggests 8/255 for 8, and 1/255 for 1", () => {
    expect(codedError(() => linf(1)).message).toMatch(/got 1\. Did you mean 1\/255\?$/);
    expect(codedError(() => pgd({ ...good, stepSize: 1 })).message).toMatch(/got 1\. Did you mean 1\/255\?$/);
    expect(codedError(() => linf(8)).message).toMatch(/Did you mean 8\/255\?$/);
    expect(codedError(() => linf(300)).message).not.toMatch(/mean/);
  });

  test.each([0, -1, 1.5, Number.NaN])("%d steps are refused", (steps) => {
    expect(codedError(() => pgd({ ...good, steps }))).toMatchObject({
      code: "ERR_ATTACK_STEPS",
      message: `pgd: steps must be a positive integer; got ${steps}`,
    });
  });

  test("a step larger than the ball ends on its surface, and sign(0) does not move", () => {
    scope(() => {
      const images = fromArray([0.5, 0.5, 0.5], [1, 3, 1, 1]);
      const attack = pgd({ ...good, threatModel: linf(0.1), stepSize: 0.5, randomStart: false });
      const slopes = fromArray([3, -0.01, 0], [1, 3, 1, 1]);
      // Two logits, sum(slopes x) and 0, with the label 1, so that the loss rises with the first logit.
      const logits: LogitsFunction = (x) => {
        const dot = reshape(call("aten::sum.dim_IntList", [call("aten::mul.Tensor", [x, slopes]), [1, 2, 3]]), [1, 1]);
        return call("aten::cat", [[dot, call("aten::mul.Scalar", [dot, 0])], 1]);
      };
      const [up, down, still] = attack.perturb(logits, images, labelsOf([1]), keysOf([0])).toNumbers();
      expect(up).toBeCloseTo(0.6, 6);
      expect(down).toBeCloseTo(0.4, 6);
      expect(still).toBe(0.5);
    });
  });
});
