/** The objectives of attacks, and combinations of attacks. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Attack } from "../../src/attacks/attack.js";
import { evaluationAttacks } from "../../src/attacks/evaluation/auto-attack.js";
import { bestIterate } from "../../src/attacks/evaluation/best-iterate.js";
import { inTurn } from "../../src/attacks/evaluation/in-turn.js";
import { dlr, rankedTargets, targetedDlr, wrong } from "../../src/attacks/evaluation/objective.js";
import { pgd } from "../../src/attacks/pgd.js";
import { linf } from "../../src/attacks/threat-model.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { fromArray, gradientOf, scope, type Tensor } from "../../src/tensor/index.js";
import { add, mul, reshape, sum } from "../../src/tensor/operators.js";
import { affineClassifier, smallImages } from "../support/affine.js";
import { codedError } from "../support/errors.js";
import { maxDifference } from "../support/golden.js";

const labelsOf = (values: readonly number[]) => fromArray(values, [values.length], "int64");
const rowOf = (values: readonly number[]) => fromArray(values, [1, values.length], "float64");

describe("the difference of logits ratio", () => {
  // Different whole numbers, so that the order does not depend on rounding.
  const logits = fc
    .tuple(fc.shuffledSubarray([-9, -7, -4, -2, 1, 3, 6, 8], { minLength: 4 }), fc.nat(), fc.nat())
    .map(([values, a, b]) => ({ values, label: a % values.length, target: b % values.length }));

  test("equals a value of the paper's formula, computed by hand", () => {
    scope(() => {
      // Sorted 5, 3, 2, -1.
      const z = rowOf([3, 5, -1, 2]);
      expect(dlr(labelsOf([1]))(z).item()).toBeCloseTo(-(5 - 3) / (5 - 2), 12);
      expect(dlr(labelsOf([0]))(z).item()).toBeCloseTo(-(3 - 5) / (5 - 2), 12);
      expect(targetedDlr(labelsOf([1]), labelsOf([2]))(z).item()).toBeCloseTo(-(5 + 1) / (5 - (2 - 1) / 2), 12);
    });
  });

  test("does not change when the logits are shifted or scaled, nor does the direction of its gradient", () => {
    fc.assert(
      fc.property(
        logits,
        fc.double({ min: -50, max: 50, noNaN: true }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        ({ values, label, target }, shift, scale) =>
          scope(() => {
            const objectives = [dlr(labelsOf([label])), targetedDlr(labelsOf([label]), labelsOf([target]))];
            for (const objective of objectives) {
              const at = (change: (z: Tensor) => Tensor) => {
                const z = rowOf(values).requireGradient();
                const value = objective(change(z));
                return { value: value.item(), gradient: gradientOf(sum(value), z).toNumbers() };
              };
              const plain = at((z) => mul(z, 1));
              const moved = at((z) => mul(add(z, shift), scale));
              expect(moved.value).toBeCloseTo(plain.value, 9);
              expect(maxDifference(moved.gradient, plain.gradient)).toBeLessThan(1e-9);
            }
          }),
      ),
      { numRuns: 60 },
    );
  });

  test("is positive exactly if the image is misclassified", () => {
    fc.assert(
      fc.property(logits, ({ values, label }) =>
        scope(() => {
          expect(dlr(labelsOf([label]))(rowOf(values)).item() > 0).toBe(wrong(rowOf(values), labelsOf([label]))[0]);
        }),
      ),
      { numRuns: 60 },
    );
  });

  test("needs 3 classes, and 4 with a target", () => {
    expect(codedError(() => dlr(labelsOf([0]))(rowOf([1, 2])))).toMatchObject({
      code: "ERR_CLASSES",
      message: expect.stringMatching(/at least 3 classes.*got 2/),
    });
    expect(codedError(() => targetedDlr(labelsOf([0]), labelsOf([1]))(rowOf([1, 2, 3]))).code).toBe("ERR_CLASSES");
  });
});

test("targets are the most probable wrong classes, one after the other", () => {
  scope(() => {
    const z = fromArray([3, 5, -1, 2, 3, 5, -1, 2], [2, 4], "float64");
    const targets = [1, 2, 3].map((rank) => rankedTargets(z, labelsOf([1, 3]), rank).toNumbers());
    expect(targets).toEqual([
      [0, 1],
      [3, 0],
      [2, 2],
    ]);
    expect(codedError(() => rankedTargets(z, labelsOf([1, 3]), 4)).code).toBe("ERR_CLASSES");
  });
});

describe("combinations", () => {
  const [images] = smallImages(4, 2, 1, 0.3);
  const { logits } = affineClassifier(3, 12, 2);
  const keys = { seed: 0, epoch: 3, samples: labelsOf([10, 11, 12, 13]) };
  const labels = scope(() => rankedLabels());
  function rankedLabels(): number[] {
    const values = logits(images).toNumbers();
    return [0, 1, 2, 3].map((n) => {
      const row = values.slice(3 * n, 3 * n + 3);
      return row.indexOf(Math.max(...row));
    });
  }

  test("each attack gets only the images that are left, and has its own draws", () => {
    scope(() => {
      const seen: { samples: number[]; epoch: number }[] = [];
      // Breaks the images with an even index in its input, by a large step towards another class.
      const half: Attack = {
        perturb(_logits, x, y, { samples, epoch }) {
          seen.push({ samples: samples.toNumbers(), epoch });
          const count = y.size;
          const far = fromArray(
            Array.from({ length: count }, (_, i) => (i % 2 === 0 ? 1 : 0)),
            [count, 1, 1, 1],
            "float64",
          );
          return add(x, mul(pushed(y), far));
        },
      };
      const { weight } = affineClassifier(3, 12, 2);
      const pushed = (y: Tensor) =>
        fromArray(
          y.toNumbers().flatMap((label) => weight[(label + 1) % 3].map((value, i) => 50 * (value - weight[label][i]))),
          [y.size, 3, 2, 2],
          "float64",
        );
      const result = inTurn([half, half, half]).perturb(logits, images, labelsOf(labels), keys);
      expect(seen).toEqual([
        { samples: [10, 11, 12, 13], epoch: 3 },
        { samples: [11, 13], epoch: 4 },
        { samples: [13], epoch: 5 },
      ]);
      expect(wrong(logits(result), labelsOf(labels))).toEqual([true, true, true, true]);
    });
  });

  test("a misclassified iterate is better than one of larger loss, and the attack itself is not changed", () => {
    scope(() => {
      // A walk along the first class's direction and back: 0.0 -> 0.4 -> 0.1.
      const logitsOf = (x: Tensor) => {
        const score = reshape(sum(x, [1, 2, 3]), [x.shape[0], 1]);
        return reshape(mul(add(score, -1.5), fromArray([1, -1], [1, 2], "float64")), [x.shape[0], 2]);
      };
      const walk = [0.2, 0.9, 0.4];
      const point = (value: number) => fromArray([value, value, value], [1, 3, 1, 1], "float64");
      const walker: Attack = {
        perturb(of) {
          for (const value of walk.slice(0, -1)) of(point(value));
          return point(walk[walk.length - 1]);
        },
      };
      const start = point(0);
      const key = { ...keys, samples: labelsOf([0]) };
      // Label 1 wins below 0.5: misclassified at 0.9 only. Label 0 is right there only: the largest loss is at 0.2.
      expect(
        bestIterate(walker)
          .perturb(logitsOf, start, labelsOf([1]), key)
          .toNumbers()[0],
      ).toBe(0.9);
      expect(
        bestIterate(walker)
          .perturb(logitsOf, start, labelsOf([0]), key)
          .toNumbers()[0],
      ).toBe(0.2);

      const attack = pgd({ threatModel: linf(0.1), stepSize: 0.05, steps: 3, target: "none", randomStart: true });
      const asked: number[][][] = [[], []];
      const recorded = (to: number[][]) => (x: Tensor) => {
        to.push(x.toNumbers());
        return logits(x);
      };
      const last = attack.perturb(recorded(asked[0]), images, labelsOf(labels), keys);
      const best = bestIterate(attack).perturb(recorded(asked[1]), images, labelsOf(labels), keys);
      expect(asked[1]).toEqual([...asked[0], last.toNumbers()]);
      const losses = (x: Tensor) => crossEntropy(logits(x), labelsOf(labels), 0, "none").toNumbers();
      losses(best).forEach((loss, n) => {
        expect(loss).toBeGreaterThanOrEqual(losses(last)[n]);
      });
    });
  });
});

describe("AutoAttack's members", () => {
  const options = { name: "autoattack", norm: "linf", epsilon: 8 / 255 } as const;
  const named = (classes: number) => evaluationAttacks({ ...options, classes }).attacks.map(({ name }) => name);

  test("are those of the standard protocol", () => {
    const { attacks, warnings } = evaluationAttacks({ ...options, classes: 10 });
    expect(attacks.map(({ name, backward }) => [name, backward])).toEqual([
      ["apgd-ce", 100],
      ["apgd-t", 900],
      ["fab", 909],
      ["square", 0],
    ]);
    expect(warnings).toEqual([]);
  });

  test("with few classes try fewer targets, or leave out the ratio, and warn about it", () => {
    expect(named(4)).toEqual(["apgd-ce", "apgd-t", "fab", "square"]);
    expect(evaluationAttacks({ ...options, classes: 4 }).warnings).toEqual([
      expect.stringMatching(/9 wrong classes; with 4 classes there are only 3/),
    ]);
    expect(named(2)).toEqual(["apgd-ce", "fab", "square"]);
    expect(evaluationAttacks({ ...options, classes: 2 }).warnings).toEqual([
      expect.stringMatching(/with 2 classes there are only 1/),
      expect.stringMatching(/left out, because the difference of logits ratio needs at least 4 classes/),
    ]);
    for (const [name, classes] of [
      ["apgd-t", 3],
      ["apgd-dlr", 2],
    ] as const) {
      expect(codedError(() => evaluationAttacks({ ...options, name, classes })).code).toBe("ERR_CLASSES");
    }
  });

  test.each([
    [{ restarts: 0 }, "ERR_RESTARTS"],
    [{ steps: 0 }, "ERR_ATTACK_STEPS"],
    [{ epsilon: 8 }, "ERR_EPSILON"],
  ])("%j is refused", (mistake, code) => {
    expect(codedError(() => evaluationAttacks({ ...options, classes: 10, ...mistake })).code).toBe(code);
  });

  test.each([
    ["autoattack", "stepSize", 0.01],
    ["apgd-ce", "stepSize", 0.01],
    ["apgd-t", "queries", 10],
    ["fab", "queries", 10],
    ["square", "steps", 5],
    ["square", "stepSize", 0.01],
    ["pgd", "queries", 10],
  ] as const)("%s refuses %s, which it does not use", (name, key, value) => {
    expect(codedError(() => evaluationAttacks({ ...options, name, classes: 10, [key]: value }))).toMatchObject({
      code: "ERR_ATTACK",
      message: `evaluationAttacks: ${name} does not use ${key}; got ${value}. Leave it out`,
    });
  });

  test.each([
    ["autoattack", { steps: 5, queries: 10 }],
    ["apgd-ce", { steps: 5 }],
    ["fab", { steps: 5 }],
    ["square", { queries: 10 }],
    ["pgd", { steps: 5, stepSize: 0.01 }],
  ] as const)("%s takes %j", (name, own) => {
    expect(() => evaluationAttacks({ ...options, name, classes: 10, ...own })).not.toThrow();
  });
});
