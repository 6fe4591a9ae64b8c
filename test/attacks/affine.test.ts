/** Attacks on affine classifiers, for which the smallest distance and the largest loss are known. */
import { describe, expect, test } from "vitest";
import { apgd } from "../../src/attacks/evaluation/apgd.js";
import { nearestAdversarial } from "../../src/attacks/evaluation/fab.js";
import { toHyperplane } from "../../src/attacks/evaluation/hyperplane.js";
import { inTurn } from "../../src/attacks/evaluation/in-turn.js";
import { linf, threatModel } from "../../src/attacks/threat-model.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { fromArray, memoryStats, scope, type Tensor } from "../../src/tensor/index.js";
import { add, concat, mul, pow, reshape, sub, sum } from "../../src/tensor/operators.js";
import { affineClassifier, distanceToHyperplane, nearestDistance, smallImages } from "../support/affine.js";
import { maxDifference } from "../support/golden.js";

const COUNT = 12;
const SIDE = 4;
const SIZE = 3 * SIDE * SIDE;
const labelsOf = (values: readonly number[]) => fromArray(values, [values.length], "int64");
const keys = { seed: 5, epoch: 0, samples: labelsOf(Array.from({ length: COUNT }, (_, i) => i)) };

// For pixels in the middle of the box the box has no effect; for pixels in the whole box it has.
const BOXES = [
  ["the box inactive", 0.05],
  ["the box active", 0.5],
] as const;

describe.each(["linf", "l2"] as const)("%s", (norm) => {
  describe.each(BOXES)("%s", (_name, spread) => {
    const [images, rows] = smallImages(COUNT, SIDE, 3, spread);

    test("the step to a hyperplane is the shortest in the box, and ends on it", () => {
      scope(() => {
        const { weight } = affineClassifier(1, SIZE, 8);
        const w = fromArray(
          rows.flatMap(() => weight[0]),
          [COUNT, 3, SIDE, SIDE],
          "float64",
        );
        // Hyperplanes on both sides, near and far; the last does not meet the box.
        const distances = rows.map((_, i) => (i % 2 === 0 ? 1 : -1) * (i === COUNT - 1 ? 1e3 : 0.3 * (i + 1)));
        const delta = toHyperplane(norm, images, w, fromArray(distances, [COUNT, 1, 1, 1], "float64")).toNumbers();
        rows.forEach((row, n) => {
          const own = delta.slice(n * SIZE, (n + 1) * SIZE);
          const dot = (values: readonly number[]) =>
            values.reduce((total, value, i) => total + value * weight[0][i], 0);
          const wanted = distanceToHyperplane(norm, row, weight[0], -dot(row) - distances[n]);
          for (const [i, move] of own.entries()) {
            expect(row[i] + move).toBeGreaterThanOrEqual(-1e-15);
            expect(row[i] + move).toBeLessThanOrEqual(1 + 1e-15);
          }
          if (n === COUNT - 1) {
            // The nearest point has every pixel at a side of the box.
            expect(wanted).toBe(Number.POSITIVE_INFINITY);
            const side = (i: number) => (weight[0][i] * distances[n] > 0 ? 1 : 0);
            expect(Math.max(...own.map((move, i) => Math.abs(row[i] + move - side(i))))).toBeLessThan(1e-12);
            return;
          }
          expect(dot(own)).toBeCloseTo(distances[n], 12);
          const length = norm === "linf" ? Math.max(...own.map(Math.abs)) : Math.hypot(...own);
          expect(length).toBeCloseTo(wanted, 10);
        });
      });
    });

    test("an image without a gradient changes nothing for the others of its batch", () => {
      scope(() => {
        const float = (values: readonly number[], ...shape: number[]) => fromArray(values, shape, "float32");
        const x = float(images.toNumbers(), COUNT, 3, SIDE, SIDE);
        const w = float(
          rows.flatMap((_, n) => new Array(SIZE).fill(n === 0 ? 0 : 1)),
          ...[COUNT, 3, SIDE, SIDE],
        );
        const deltas = (first: number) =>
          toHyperplane(norm, x, w, float([first, ...new Array(COUNT - 1).fill(0.9)], COUNT, 1, 1, 1)).toNumbers();
        expect(deltas(5).slice(0, SIZE)).toEqual(new Array(SIZE).fill(0));
        expect(deltas(5)).toEqual(deltas(0.9));
        const [reached] = deltas(5).slice(SIZE);
        expect(reached).toBeGreaterThan(0);
      });
    });

    test.each([2, 5])("FAB finds the smallest distance with %s classes", (classes) => {
      scope(() => {
        const affine = affineClassifier(classes, SIZE, 4);
        const own = rows.map((row) => affine.classOf(row));
        const { liveTensors } = memoryStats();
        const distances = scope(() => {
          const byTarget = Array.from({ length: classes - 1 }, (_, i) =>
            nearestAdversarial({ norm, targetRank: i + 1, steps: 30 }, affine.logits, images, labelsOf(own), keys),
          );
          // The result has the reported distance, is in the box, and has another class.
          byTarget.forEach(({ images: found, distances: said }) => {
            const numbers = found.toNumbers();
            rows.forEach((row, n) => {
              const image = numbers.slice(n * SIZE, (n + 1) * SIZE);
              if (!Number.isFinite(said[n])) {
                expect(image).toEqual(row);
                return;
              }
              const changes = image.map((value, i) => value - row[i]);
              const distance = norm === "linf" ? Math.max(...changes.map(Math.abs)) : Math.hypot(...changes);
              expect(distance).toBeCloseTo(said[n], 10);
              expect(affine.classOf(image)).not.toBe(own[n]);
              expect(image.every((value) => value >= 0 && value <= 1)).toBe(true);
            });
          });
          return rows.map((_, n) => Math.min(...byTarget.map((nearest) => nearest.distances[n])));
        });
        expect(memoryStats().liveTensors).toBe(liveTensors);
        rows.forEach((row, n) => {
          const least = nearestDistance(norm, affine, row, own[n]);
          expect(distances[n] / least).toBeGreaterThanOrEqual(1 - 1e-9);
          expect(distances[n] / least).toBeLessThan(1 + 2e-4);
        });
      });
    });
  });

  test("APGD reaches the largest cross-entropy of the ball", () => {
    scope(() => {
      const [images, rows] = smallImages(COUNT, SIDE, 3, 0.05);
      const affine = affineClassifier(2, SIZE, 4);
      const own = rows.map((row) => affine.classOf(row));
      // Smaller than the distance to the boundary, so that the search never ends early.
      const epsilon = 0.5 * Math.min(...rows.map((row, n) => nearestDistance(norm, affine, row, own[n])));
      const attack = apgd({ threatModel: threatModel(norm, epsilon), loss: "ce", steps: 50 });
      const adversarial = attack.perturb(affine.logits, images, labelsOf(own), keys);
      const losses = crossEntropy(affine.logits(adversarial), labelsOf(own), 0, "none").toNumbers();
      rows.forEach((row, n) => {
        // With two logits the loss depends only on their difference, which falls by epsilon times the dual norm of w.
        const w = affine.weight[own[n]].map((value, i) => value - affine.weight[1 - own[n]][i]);
        const b = affine.bias[own[n]] - affine.bias[1 - own[n]];
        const dual = norm === "linf" ? w.reduce((total, value) => total + Math.abs(value), 0) : Math.hypot(...w);
        const margin = w.reduce((total, value, i) => total + value * row[i], b) - epsilon * dual;
        expect(losses[n]).toBeCloseTo(Math.log1p(Math.exp(-margin)), 6);
      });
    });
  });

  test("APGD breaks exactly the images that can be broken, and targeted APGD those that its targets break", () => {
    scope(() => {
      const [images, rows] = smallImages(COUNT, SIDE, 3, 0.05);
      const affine = affineClassifier(5, SIZE, 4);
      const own = rows.map((row) => affine.classOf(row));
      const distances = rows.map((row, n) => nearestDistance(norm, affine, row, own[n]));
      const epsilon = [...distances].sort((a, b) => a - b)[COUNT / 2 - 1] * 1.02;
      expect(distances.every((distance) => Math.abs(distance / epsilon - 1) > 0.005)).toBe(true);
      const ball = threatModel(norm, epsilon);
      const targets = [1, 2, 3, 4].map((targetRank) => apgd({ threatModel: ball, loss: { targetRank }, steps: 50 }));
      const broken = inTurn(targets).perturb(affine.logits, images, labelsOf(own), keys).toNumbers();
      const fooled = rows.map((_, n) => affine.classOf(broken.slice(n * SIZE, (n + 1) * SIZE)) !== own[n]);
      expect(fooled).toEqual(distances.map((distance) => distance < epsilon));
    });
  });
});

test("the step size of APGD halves until it converges to a point inside the ball", () => {
  // One pixel in each colour; the loss is largest at 0.52, well within the ball.
  scope(() => {
    const images = fromArray([0.5, 0.5, 0.5], [1, 3, 1, 1], "float64");
    const asked: number[][] = [];
    const peak = fromArray([0.52, 0.52, 0.52], [1, 3, 1, 1], "float64");
    const found = apgd({ threatModel: linf(0.3), loss: "ce", steps: 100 }).perturb(
      (x) => {
        asked.push(x.toNumbers());
        return peaked(x, peak);
      },
      images,
      labelsOf([0]),
      { ...keys, samples: labelsOf([0]) },
    );
    expect(maxDifference(found.toNumbers(), [0.52, 0.52, 0.52])).toBeLessThan(5e-3);
    expect(asked).toHaveLength(101);
  });
});

/** Two logits whose cross-entropy of label 0 is largest at the peak, and which never change the class. */
function peaked(x: Tensor, peak: Tensor): Tensor {
  const away = reshape(sum(pow(sub(x, peak), 2), [1, 2, 3]), [x.shape[0], 1]);
  return concat([add(away, 1), mul(away, 0)], 1);
}
