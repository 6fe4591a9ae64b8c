/**
 * Networks against a reference: the state, the passes and the comparison that make_efficientnet.py describes.
 */
import { expect } from "vitest";
import type { ForwardContext } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import type { Module } from "../../src/nn/module.js";
import { Purpose } from "../../src/random.js";
import { type DType, fromArray, GradientStore, scope, type Tensor } from "../../src/tensor/index.js";
import {
  add,
  cast,
  channelsLast,
  copy_,
  keyedUniform,
  mul,
  normOfAll,
  reshape,
  sub,
} from "../../src/tensor/operators.js";
import { every, type Golden, relativeL2 } from "./golden.js";

export const GOLDEN_PASSES = ["main/batch", "main/running", "aux/batch", "aux/running"] as const;
export type GoldenPass = (typeof GOLDEN_PASSES)[number];

export const INPUT_STREAM = 1_000_000;

/** The tensor of a stream, as philox.py makes it: (2 u - 1) * scale, float64. */
export function keyed(stream: number, shape: readonly number[], scale = 1): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const key = { seed: 7, epoch: 0, purpose: Purpose.initialization, stream };
  return scope(() => {
    const uniform = reshape(keyedUniform(fromArray([0], [1], "int64"), [size], key, "float64"), shape);
    return mul(sub(mul(uniform, 2), 1), scale);
  });
}

/** The value of a tensor of the state by its place among the sorted names. */
export function initial(name: string, place: number, shape: readonly number[]): Tensor {
  if (name.endsWith("running_mean")) return keyed(place, shape, 0.2);
  if (name.endsWith("running_var")) return add(keyed(place, shape, 0.1), 0.4);
  if (name.endsWith("bias")) return keyed(place, shape, 0.2);
  if (shape.length === 1) return add(keyed(place, shape, 0.5), 1);
  return keyed(place, shape, Math.sqrt(3 / shape.slice(1).reduce((product, length) => product * length, 1)));
}

/** Initialises a network with the state of the golden one, whose names it must have. */
export function initializeAsGolden(network: Module, golden: Golden, dtype: DType): void {
  const state = network.initialize(0, dtype).state();
  const names = [...state.keys()].filter((name) => !name.endsWith("num_batches_tracked")).sort();
  expect(names).toEqual(JSON.parse(golden.metadata.names));
  scope(() => {
    for (const [place, name] of names.entries()) {
      const tensor = state.get(name)!;
      copy_(tensor, initial(name, place, tensor.shape));
    }
  });
}

// A shift whose gradient is zero because the next norm takes it away has a gradient of rounding alone: below this norm
// a golden gradient is such, and below the limit ours is too.
const ZERO = 1e-10;
const TOLERANCES = { float64: { relative: 1e-8, zero: 1e-12 }, float32: { relative: 1e-4, zero: 1e-5 } } as const;

const l2Difference = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, i) => value - b[i]));

/** Compares logits, loss, the gradient of the input and that of every parameter with the golden ones. */
export function compareWithGolden(
  network: Module,
  golden: Golden,
  pass: GoldenPass,
  images: readonly number[],
  dtype: keyof typeof TOLERANCES,
): void {
  const { relative, zero } = TOLERANCES[dtype];
  const sampling = JSON.parse(golden.metadata.sampling) as number;
  scope(() => {
    const [route, statistics] = pass.split("/") as [string, ForwardContext["statistics"]];
    const context = { route, statistics, update: false, stochastic: false, trainable: true };
    const x = channelsLast(cast(keyed(INPUT_STREAM, images), dtype)).requireGradient();
    const logits = network.forward(x, context);
    const loss = crossEntropy(logits, golden.tensor("labels"));
    expect(relativeL2(logits.toNumbers(), golden.numbers(`${pass}/logits`))).toBeLessThan(relative);
    expect(Math.abs(loss.item() / golden.tensor(`${pass}/loss`).item() - 1)).toBeLessThan(relative);

    const parameters = Array.from(network.namedParameters());
    const gradients = new GradientStore([x, ...parameters.map(([, { value }]) => value)]);
    gradients.add(loss);
    const [gradientOfInput, ...sums] = gradients.read();
    gradients.clear();
    const sampled = every(gradientOfInput!.toNumbers(), sampling);
    expect(relativeL2(sampled, golden.numbers(`${pass}/grad.input`))).toBeLessThan(relative);

    const reached = new Map(parameters.flatMap(([name], i) => (sums[i] === undefined ? [] : [[name, sums[i]]])));
    const names = (JSON.parse(golden.metadata.parameters) as Record<string, string[]>)[route];
    expect([...reached.keys()].sort()).toEqual(names);
    const norms = golden.numbers(`${pass}/gradient_norms`);
    for (const [i, name] of names.entries()) {
      const gradient = reached.get(name)!;
      const length = normOfAll([cast(gradient, "float64")]).item();
      if (norms[i] < ZERO) {
        expect(length, name).toBeLessThan(zero);
        continue;
      }
      expect(Math.abs(length / norms[i] - 1), name).toBeLessThan(relative);
      // A sample may be of one element, which can lie further off than the whole and be small by chance.
      const sample = every(gradient.toNumbers(), sampling);
      const typical = norms[i] * Math.sqrt(sample.length / gradient.size);
      const expected = golden.numbers(`${pass}/grad.${name}`);
      expect(l2Difference(sample, expected) / typical, name).toBeLessThan(10 * relative);
    }
  });
}
