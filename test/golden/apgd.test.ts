/** Auto-PGD against NumPy float64, point by point. See make_apgd.py. */
import { describe, expect, test } from "vitest";
import { apgd, apgdCheckpoints } from "../../src/attacks/apgd.js";
import type { LogitsFunction } from "../../src/attacks/attack.js";
import { linf } from "../../src/attacks/threat-model.js";
import { keep, scope, type Tensor } from "../../src/tensor/index.js";
import { clone, linear, reshape, sigmoid } from "../../src/tensor/operators.js";
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

test("the checkpoints are those of the paper", () => {
  expect(apgdCheckpoints(100)).toEqual([0, 22, 41, 57, 70, 80, 87, 93, 99]);
});
