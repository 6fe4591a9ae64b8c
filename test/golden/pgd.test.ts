/** PGD against NumPy float64, iterate by iterate. See make_pgd.py. */
import { describe, expect, test } from "vitest";
import type { LogitsFunction } from "../../src/attacks/attack.js";
import { pgd } from "../../src/attacks/pgd.js";
import { randomTargets } from "../../src/attacks/target.js";
import { linf } from "../../src/attacks/threat-model.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { keep, scope, type Tensor } from "../../src/tensor/index.js";
import { linear, relu, reshape } from "../../src/tensor/operators.js";
import { maxDifference, readGolden } from "../support/golden.js";

interface Case {
  readonly target: "random" | "none";
  readonly randomStart: boolean;
  readonly epsilon: number;
  readonly stepSize: number;
  readonly steps: number;
}

const golden = readGolden("pgd.safetensors");
const cases = JSON.parse(golden.metadata.cases) as Record<string, Case>;
const keys = {
  seed: Number(golden.metadata.seed),
  epoch: Number(golden.metadata.epoch),
  samples: golden.tensor("samples"),
};
const images = golden.tensor("images");
const labels = golden.tensor("labels");
const weights = ["weight1", "bias1", "weight2", "bias2"].map((name) => golden.tensor(name));

const network: LogitsFunction = (x) => {
  const [weight1, bias1, weight2, bias2] = weights;
  return linear(relu(linear(reshape(x, [x.shape[0], weight1.shape[1]]), weight1, bias1)), weight2, bias2);
};

describe.each(Object.entries(cases))("pgd, %s", (name, { epsilon, ...options }) => {
  test("has the golden iterates, targets and losses", () => {
    scope(() => {
      const iterates: Tensor[] = [];
      const recorded: LogitsFunction = (x) => {
        iterates.push(keep(x));
        return network(x);
      };
      const last = pgd({ ...options, threatModel: linf(epsilon) }).perturb(recorded, images, labels, keys);
      iterates.push(last);
      expect(iterates).toHaveLength(options.steps + 1);

      const targets = options.target === "random" ? randomTargets(labels, weights[3].size, keys) : labels;
      if (options.target === "random") expect(targets.toNumbers()).toEqual(golden.numbers(`${name}/targets`));
      iterates.forEach((iterate, k) => {
        expect(maxDifference(iterate.toNumbers(), golden.numbers(`${name}/iterate.${k}`))).toBeLessThan(1e-12);
        const losses = crossEntropy(network(iterate), targets, 0, "none");
        expect(maxDifference(losses.toNumbers(), golden.numbers(`${name}/loss.${k}`))).toBeLessThan(1e-10);
      });
      for (const iterate of iterates.slice(0, -1)) iterate.dispose();
    });
  });
});
