/** What every attack of an evaluation must do, in both norms. */
import { describe, expect, test } from "vitest";
import type { LogitsFunction } from "../../src/attacks/attack.js";
import { evaluationAttacks } from "../../src/attacks/evaluation/auto-attack.js";
import { EVALUATION_ATTACKS } from "../../src/attacks/evaluation/names.js";
import { misclassified } from "../../src/attacks/evaluation/objective.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK, TRAIN } from "../../src/nn/context.js";
import { Purpose } from "../../src/random.js";
import { fromArray, keep, memoryStats, scope, type Tensor } from "../../src/tensor/index.js";
import { argmax, channelsLast, keyedUniform, rows, rowsAt } from "../../src/tensor/operators.js";
import { maxDifference } from "../support/golden.js";

const CLASSES = 5;
const COUNT = 4;
const model = createClassifier("resnet20", { classes: ["a", "b", "c", "d", "e"], imageSize: 8 }).initialize(3);
const samples = keep(fromArray([4, 0, 17, 2 ** 32 - 1], [COUNT], "int64"));
const keys = { seed: 7, epoch: 0, samples };
const images = scope(() =>
  keep(channelsLast(keyedUniform(samples, [3, 8, 8], { seed: 1, epoch: 0, purpose: Purpose.synthesis }))),
);
scope(() => model.forward(images, { ...TRAIN, route: "main", keys }));
const logits: LogitsFunction = (x) => model.forward(x, { ...ATTACK, route: "main" });
// Its own predictions as labels, so that every image is right at first.
const labels = scope(() => keep(argmax(logits(images), 1)));

const names = EVALUATION_ATTACKS.filter((name) => name !== "autoattack");
const norms = [
  ["linf", 6 / 255],
  ["l2", 0.4],
] as const;
const cheap = (name: (typeof names)[number]) => (name === "square" ? { queries: 60 } : { steps: 8 });
const make = (name: (typeof names)[number], norm: "linf" | "l2", epsilon: number, restarts = 1) =>
  evaluationAttacks({ name, norm, epsilon, classes: CLASSES, restarts, ...cheap(name) }).attacks[0];
const byImage = (x: Tensor): number[][] => {
  const all = x.toNumbers();
  const size = all.length / x.shape[0];
  return Array.from({ length: x.shape[0] }, (_, i) => all.slice(i * size, (i + 1) * size));
};

describe.each(names.flatMap((name) => norms.map(([norm, epsilon]) => [name, norm, epsilon] as const)))(
  "%s, %s",
  (name, norm, epsilon) => {
    const { attack, forward, backward } = make(name, norm, epsilon);
    const run = (seed: number) => byImage(attack.perturb(logits, images, labels, { ...keys, seed }));

    test("stays in the ball and in [0, 1], repeats itself, and leaves the images and no tensor behind", () => {
      const before = images.toNumbers();
      const { liveTensors } = memoryStats();
      const adversarial = scope(() => run(7));
      expect(scope(() => run(7))).toEqual(adversarial);
      expect(memoryStats().liveTensors).toBe(liveTensors);
      expect(images.toNumbers()).toEqual(before);
      const original = byImage(images);
      adversarial.forEach((image, n) => {
        const changes = image.map((value, i) => Math.abs(value - original[n][i]));
        expect(image.every((value) => value >= 0 && value <= 1)).toBe(true);
        const distance = norm === "linf" ? Math.max(...changes) : Math.hypot(...changes);
        expect(distance).toBeGreaterThan(0);
        expect(distance).toBeLessThanOrEqual(epsilon * (1 + 1e-5) + 2 ** -23);
      });
      // FAB starts from the images themselves, and draws nothing.
      expect(maxDifference(scope(() => run(8)).flat(), adversarial.flat()) === 0).toBe(name === "fab");
    });

    test("breaks images, and with more runs no fewer", () => {
      scope(() => {
        const broken = (restarts: number) => {
          const adversarial = make(name, norm, epsilon, restarts).attack.perturb(logits, images, labels, keys);
          return misclassified(logits, adversarial, labels);
        };
        const once = broken(1);
        expect(once.some((one) => one)).toBe(true);
        broken(2).forEach((one, i) => {
          expect(one || !once[i]).toBe(true);
        });
      });
    });

    test("costs no more than it says", () => {
      // An image at a time, whose passes are those of the batch. Half of a pass with a gradient is the forward one.
      scope(() => {
        let passes = 0;
        let gradients = 0;
        const counted: LogitsFunction = (x) => {
          passes += 1;
          if (x.requiresGradient) gradients += 1;
          return logits(x);
        };
        const one = fromArray([2], [1], "int64");
        const [x, y] = [channelsLast(rowsAt(images, one)), rowsAt(labels, one)];
        // So small a ball that nothing breaks, so that nothing ends early.
        make(name, norm, norm === "linf" ? 1e-6 : 1e-5).attack.perturb(counted, x, y, {
          ...keys,
          samples: rowsAt(samples, one),
        });
        expect(passes).toBeLessThanOrEqual(forward);
        expect(gradients).toBeLessThanOrEqual(backward);
        // And not much less: it is a price, not a guess.
        expect(passes).toBeGreaterThan(0.6 * forward);
        expect(gradients).toBeGreaterThanOrEqual(0.9 * backward);
      });
    });

    test("gives an image the same draws in any batch", () => {
      scope(() => {
        const part = channelsLast(rows(images, 1, 3));
        const alone = byImage(
          attack.perturb(logits, part, rows(labels, 1, 3), { ...keys, samples: rows(samples, 1, 3) }),
        );
        const whole = run(7);
        // Rounding differs by batch, and with it now and then an iterate; equal draws show in most pixels.
        const same = alone.flatMap((image, i) => image.map((value, j) => Math.abs(value - whole[i + 1][j]) < 1e-4));
        expect(same.filter((one) => one).length / same.length).toBeGreaterThan(0.5);
      });
    });
  },
);
