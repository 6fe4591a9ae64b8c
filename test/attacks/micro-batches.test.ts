/** Attacks on parts of a batch give the same result as the attack on the whole batch. */
import { expect, test } from "vitest";
import { inMicroBatches } from "../../src/attacks/micro-batches.js";
import { pgd } from "../../src/attacks/pgd.js";
import { threatModel } from "../../src/attacks/threat-model.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK } from "../../src/nn/context.js";
import { KeyedRandom } from "../../src/random.js";
import { fromArray, type Tensor } from "../../src/tensor/index.js";
import { channelsLast } from "../../src/tensor/operators.js";

test("any part size gives the same adversarial images, in the same order", () => {
  const random = new KeyedRandom(1, 1);
  const count = 7;
  const values = Float64Array.from({ length: count * 3 * 8 * 8 }, (_, i) => random.uniform(i));
  const images = channelsLast(fromArray(values, [count, 3, 8, 8]));
  const labels = fromArray([0, 1, 2, 3, 4, 5, 6], [count], "int64");
  const keys = { seed: 3, epoch: 2, samples: fromArray([5, 0, 9, 4, 7, 1, 3], [count], "int64") };
  const classes = Array.from({ length: 10 }, (_, i) => String(i));
  const model = createClassifier("resnet8", { classes }).initialize(0, "float64");
  const sizes: number[] = [];
  const logits = (x: Tensor) => {
    sizes.push(x.shape[0]);
    return model.forward(x, { ...ATTACK, route: "main" });
  };
  const attack = pgd({
    threatModel: threatModel("linf", 4 / 255),
    stepSize: 1 / 255,
    steps: 2,
    target: "random",
    randomStart: true,
  });
  const whole = attack.perturb(logits, images, labels, keys).toNumbers();
  for (const [together, expected] of [
    [1, [1, 1, 1, 1, 1, 1, 1]],
    [3, [2, 3, 2]],
    [4, [4, 3]],
    [7, [7]],
    [undefined, [7]],
  ] as const) {
    sizes.length = 0;
    const parts = inMicroBatches(attack, together).perturb(logits, images, labels, keys);
    expect(sizes).toEqual(expected.flatMap((size) => [size, size]));
    expect(parts.shape).toEqual(images.shape);
    expect(parts.strides).toEqual(images.strides);
    const difference = Math.max(...parts.toNumbers().map((value, i) => Math.abs(value - whole[i])));
    expect(difference).toBeLessThan(1e-12);
  }
});
