/** The kernels of native/cuda, compiled for the CPU, in the place of the CPU's own operators; and products by tile registers. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { expect } from "vitest";
import { buildEmulation } from "../../scripts/build-native.mjs";
import { KeyedRandom } from "../../src/random.js";
import { callAny, type DType, fromArray, GradientStore, type Tensor } from "../../src/tensor/index.js";
import { cast, mul, permute, sum } from "../../src/tensor/operators.js";

const missing = [["cmake"], ["make"], [process.env.CXX || "c++"]].filter(
  ([command]) => spawnSync(command, ["--version"]).status !== 0,
);

/** Whether they can be compiled here; said where not. */
export const canEmulate = missing.length === 0;
if (!canEmulate)
  console.warn(`CUDA kernels and tile registers are not tested in emulation: there is no ${missing.join(", no ")}.`);

/** Compiles them where they are not up to date, and loads them: up to a minute the first time. */
export function loadEmulation(): void {
  createRequire(import.meta.url)(buildEmulation());
}

const launches = () => callAny("advprop_emulated::launches", []) as number;

/** What a function gives whose operators are those of a GPU. @throws no kernel was run */
export function emulated<T>(run: () => T): T {
  const before = launches();
  callAny("advprop_emulated::take_over", [true]);
  let result: T;
  try {
    result = run();
  } finally {
    callAny("advprop_emulated::take_over", [false]);
  }
  if (launches() === before) throw new Error("no kernel took these tensors");
  return result;
}

/** What a function gives, run with the threads of every kernel in rising and in falling order. */
export function inBothOrders<T>(run: () => T): [T, T] {
  const rising = run();
  callAny("advprop_emulated::run_backwards", [true]);
  try {
    return [rising, run()];
  } finally {
    callAny("advprop_emulated::run_backwards", [false]);
  }
}

/** The largest difference as a share of the largest expected value, which counts as at least 1. */
export function difference(actual: Tensor | readonly number[], expected: Tensor | readonly number[]): number {
  const [a, b] = [actual, expected].map((x) => ("toNumbers" in x ? x.toNumbers() : x));
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  // NaN must not compare as small.
  return a.reduce((most, value, i) => (Math.abs(value - b[i]) <= most ? most : Math.abs(value - b[i])), 0) / largest;
}

/** Lists of numbers against those expected, each by {@link difference} within its bound. */
export function expectClose(
  actual: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
  bound: number | ((list: number) => number),
  what = "",
): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((numbers, i) => {
    const most = typeof bound === "number" ? bound : bound(i);
    expect(difference(actual[i], numbers), `${what} result ${i}`).toBeLessThan(most);
  });
}

/** Normal numbers that bfloat16 holds, channels-last where 4-D. */
export function normal(shape: readonly number[], stream: number, dtype: DType): Tensor {
  const random = new KeyedRandom(5, 1, 0, 0, stream);
  const size = shape.reduce((product, length) => product * length, 1);
  const values = Array.from({ length: size }, (_, i) => random.normal(i));
  const rounded = (lengths: readonly number[]) => cast(cast(fromArray(values, lengths), "bfloat16"), dtype);
  if (shape.length !== 4) return rounded(shape);
  return permute(rounded([shape[0], shape[2], shape[3], shape[1]]), [0, 3, 1, 2]);
}

/** The numbers of y, then those of the gradients of sum(y * slopes) with respect to the leaves. */
export function withGradients(y: Tensor, slopes: Tensor, leaves: readonly Tensor[]): number[][] {
  const store = new GradientStore(leaves);
  store.add(sum(mul(cast(y, slopes.dtype), slopes)));
  const gradients = store.read().map((gradient) => gradient?.toNumbers() ?? []);
  store.clear();
  return [y.toNumbers(), ...gradients];
}
