/** Auto-PGD against NumPy float64, point by point. See make_apgd.py. */
import { describe, expect, test } from "vitest";
import type { LogitsFunction } from "../../src/attacks/attack.js";
import { apgd, apgdCheckpoints } from "../../src/attacks/evaluation/apgd.js";
import { linf } from "../../src/attacks/threat-model.js";
import { fromArray, keep, scope, type Tensor } from "../../src/tensor/index.js";
import { add, clone, concat, full, linear, mul, reshape, sigmoid, sum } from "../../src/tensor/operators.js";
import { maxDifference, readGolden } from "../support/golden.js";

interface Case {
  readonly loss: "ce" | "dlr" | "targeted";
  readonly epsilon: number;
  readonly steps: number;
}

const golden = readGolden("apgd.safetensors");
const cases = JSON.parse(golden.metadata.cases) as Record<string, Case>;
const images = golden.tensor("images");
const labels = golden.tensor("labels");
const keys = {
  seed: Number(golden.metadata.seed),
  epoch: Number(golden.metadata.epoch),
  samples: golden.tensor("samples"),
};
const weights = ["weight1", "bias1", "weight2", "bias2"].map((name) => golden.tensor(name));

const network: LogitsFunction = (x) => {
  const [weight1, bias1, weight2, bias2] = weights;
  return linear(sigmoid(linear(reshape(x, [x.shape[0], weight1.shape[1]]), weight1, bias1)), weight2, bias2);
};

describe.each(Object.entries(cases))("apgd, %s", (name, { loss, epsilon, steps }) => {
  test("asks about the golden points, and gives back the one of the largest loss", () => {
    scope(() => {
      const points: Tensor[] = [];
      const recorded: LogitsFunction = (x) => {
        points.push(keep(clone(x)));
        return network(x);
      };
      const targeted = loss === "targeted";
      const attack = apgd({
        threatModel: linf(epsilon),
        loss: targeted ? { targetRank: Number(golden.metadata.rank) } : loss,
        steps,
      });
      const result = attack.perturb(recorded, images, labels, keys).toNumbers();
      // A targeted attack asks about the clean images first.
      const asked = points.slice(targeted ? 1 : 0).map((point) => point.toNumbers());
      for (const point of points) point.dispose();
      expect(asked).toHaveLength(steps + 1);
      const losses = asked.map((point, k) => {
        expect(maxDifference(point, golden.numbers(`${name}/iterate.${k}`))).toBeLessThan(1e-10);
        return golden.numbers(`${name}/loss.${k}`);
      });
      const size = result.length / labels.size;
      for (let n = 0; n < labels.size; n++) {
        const best = losses.reduce((most, at, k) => (at[n] > losses[most][n] ? k : most), 0);
        const part = (values: readonly number[]) => values.slice(n * size, (n + 1) * size);
        expect(part(result)).toEqual(part(asked[best]));
      }
    });
  });
});

test("a step that only climbs below the best point halves at the next checkpoint, and goes back to it", () => {
  scope(() => {
    // The margins are scripted, whatever the point: high loss at the start, then a slow climb that never reaches it. Of
    // the first 22 steps 21 rise, so that condition 1 is silent; the best is still the start, so that condition 2 is not.
    // The gradient leads down in every pixel.
    const epsilon = 0.1;
    const image = full([1, 3, 2, 2], 0.5, "float64");
    const asked: number[][] = [];
    const scripted: LogitsFunction = (x) => {
      const k = asked.push(x.toNumbers().map((value) => value - 0.5)) - 1;
      const margin = add(mul(sum(x), 1e-9), k === 0 ? 1 : 5 - 0.01 * k);
      return concat([reshape(margin, [1, 1]), full([1, 1], 0, "float64")], 1);
    };
    const one = { ...keys, samples: fromArray([4], [1], "int64") };
    apgd({ threatModel: linf(epsilon), loss: "ce" }).perturb(scripted, image, fromArray([0], [1], "int64"), one);
    const clip = (value: number) => Math.max(-epsilon, Math.min(epsilon, value));
    expect(asked[23].every((value) => Math.abs(value + epsilon) < 1e-12)).toBe(true);
    // From x_0 with the step epsilon, and a quarter of the way that led back to it.
    const next = asked[0].map((start) =>
      clip(start + 0.75 * (clip(start - epsilon) - start) + 0.25 * (start + epsilon)),
    );
    expect(maxDifference(asked[24], next)).toBeLessThan(1e-12);
    expect(Math.max(...next)).toBeGreaterThan(-0.9 * epsilon);
  });
});

test("the checkpoints are those of the paper", () => {
  expect(apgdCheckpoints(100)).toEqual([0, 22, 41, 57, 70, 80, 87, 93, 99]);
});
