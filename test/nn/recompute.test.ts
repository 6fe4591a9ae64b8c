/** Computing twice rather than keeping: the same numbers, less memory. */
import { expect, test } from "vitest";
import { EfficientNet } from "../../src/models/efficientnet.js";
import { ResNet } from "../../src/models/resnet.js";
import { type ForwardContext, TRAIN } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { normFactory } from "../../src/nn/routed-batch-norm.js";
import { Purpose } from "../../src/random.js";
import {
  fromArray,
  GradientStore,
  gradientOf,
  memoryStats,
  recompute,
  resetPeakMemory,
  scope,
  type Tensor,
} from "../../src/tensor/index.js";
import { keyedUniform, mul, relu, sum } from "../../src/tensor/operators.js";

const tensor = (values: readonly number[]): Tensor => fromArray(values, [values.length], "float64");

test("the gradient reaches the input and the leaves, and what is computed twice is the function alone", () => {
  scope(() => {
    const x = tensor([1, -2, 3]).requireGradient();
    const weight = tensor([4, 5, 6]).requireGradient();
    const calls: boolean[] = [];
    const y = recompute(
      (input, again) => {
        calls.push(again);
        return mul(relu(input), again ? weight : tensor([4, 5, 6]));
      },
      x,
      [weight],
    );
    expect(y.toNumbers()).toEqual([4, 0, 18]);
    expect(calls).toEqual([false]);
    const store = new GradientStore([x, weight]);
    store.add(sum(mul(y, y)));
    expect(calls).toEqual([false, true]);
    const [gradientOfX, gradientOfWeight] = store.read();
    // d/dx (x w)^2 = 2 x w^2 where x > 0, d/dw = 2 x^2 w
    expect(gradientOfX?.toNumbers()).toEqual([32, 0, 216]);
    expect(gradientOfWeight?.toNumbers()).toEqual([8, 0, 108]);
    store.clear();
  });
});

test("without anything that requires a gradient there is no graph", () => {
  scope(() => {
    expect(recompute((x) => relu(x), tensor([1, -1]), []).requiresGradient).toBe(false);
  });
});

test("an input without gradient and a leaf that takes no part are left out", () => {
  scope(() => {
    const [weight, unused] = [tensor([3]).requireGradient(), tensor([7]).requireGradient()];
    const y = recompute((x, again) => (again ? mul(x, weight) : mul(x, tensor([3]))), tensor([2]), [weight, unused]);
    const store = new GradientStore([weight, unused]);
    store.add(sum(y));
    const [ofWeight, ofUnused] = store.read();
    store.clear();
    expect(ofWeight?.toNumbers()).toEqual([2]);
    expect(ofUnused).toBeUndefined();
  });
});

test("parts can lie inside one another", () => {
  scope(() => {
    const x = tensor([2]).requireGradient();
    const cube = (input: Tensor): Tensor =>
      mul(
        input,
        recompute((inner) => mul(inner, inner), input, []),
      );
    expect(gradientOf(sum(recompute(cube, x, [])), x).toNumbers()).toEqual([12]);
  });
});

test("an error of the second time is the gradient's, and the next gradient is not touched by it", () => {
  scope(() => {
    const x = tensor([2]).requireGradient();
    const { scopes, liveTensors } = memoryStats();
    const failing = recompute(
      (input, again) => {
        if (again) throw new RangeError("the second time");
        return mul(input, 2);
      },
      x,
      [],
    );
    const loss = sum(failing);
    expect(() => gradientOf(loss, x)).toThrow(new RangeError("the second time"));
    loss.dispose();
    failing.dispose();
    expect(memoryStats()).toMatchObject({ scopes, liveTensors });
    expect(gradientOf(sum(recompute((input) => mul(input, 2), x, [])), x).toNumbers()).toEqual([2]);
  });
});

const deepNetwork = () => new EfficientNet({ width: 0.25, depth: 2, dropout: 0.2 }, 10, normFactory([]));
const deepFirstStage = () => {
  const shape = { stem: "cifar", block: "basic", shortcut: "padding" } as const;
  return new ResNet({ ...shape, depths: [6, 1, 1], widths: [16, 32, 64] }, 10, normFactory([]));
};

// One block at a time lives: of six blocks' three activations each, the inputs and one block's.
test.each([
  ["a deep network", deepNetwork, "blocks", 0.5],
  ["a ResNet whose first stage is deep", deepFirstStage, "first stage", 0.6],
] as const)("%s needs less memory, and gives the same gradients", (_, create, parts, share) => {
  const network = create().initialize(0);
  const parameters = Array.from(network.namedParameters(), ([, { value }]) => value);
  const store = new GradientStore(parameters);
  const samples = Array.from({ length: 8 }, (_, i) => i);

  const run = (options: Partial<ForwardContext>): { gradients: number[][]; peak: number } =>
    scope(() => {
      const ids = fromArray(samples, [8], "int64");
      const images = keyedUniform(ids, [3, 64, 64], { seed: 0, epoch: 0, purpose: Purpose.synthesis });
      const context = { ...TRAIN, update: false, route: "main", keys: { seed: 0, epoch: 0, samples: ids }, ...options };
      const before = memoryStats().liveBytes;
      resetPeakMemory();
      store.add(crossEntropy(network.forward(images, context), ids));
      const peak = memoryStats().peakBytes - before;
      const gradients = store.read().map((gradient) => gradient!.toNumbers());
      store.clear();
      return { gradients, peak };
    });

  const kept = run({});
  const computedTwice = run({ recompute: parts });
  expect(computedTwice.gradients).toEqual(kept.gradients);
  expect(computedTwice.peak).toBeLessThan(share * kept.peak);
});
