/** Golden tensors, read from the files that the scripts beside them made. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { fromSafetensor } from "../../src/models/weights.js";
import { decodeSafetensors } from "../../src/runs/safetensors.js";
import type { Tensor } from "../../src/tensor/index.js";

export interface Golden {
  readonly metadata: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  has(name: string): boolean;
  tensor(name: string): Tensor;
  numbers(name: string): number[];
}

export function readGolden(file: string): Golden {
  const { tensors, metadata } = decodeSafetensors(readFileSync(join(import.meta.dirname, "../golden/values", file)));
  const tensor = (name: string): Tensor => {
    const found = tensors.get(name);
    if (found === undefined) throw new Error(`${file} has no ${name}; it has ${[...tensors.keys()].join(", ")}`);
    return fromSafetensor(found);
  };
  return {
    metadata: metadata ?? {},
    names: [...tensors.keys()],
    has: (name) => tensors.has(name),
    tensor,
    numbers: (name) => tensor(name).toNumbers(),
  };
}

/** ||actual - expected|| / ||expected|| */
export function relativeL2(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let total = 0;
  for (let i = 0; i < actual.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    total += expected[i] ** 2;
  }
  return Math.sqrt(difference / total);
}

/** The largest absolute difference. */
export function maxDifference(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
}

/** Every n-th element, as the scripts sample large tensors. */
export const every = (values: readonly number[], n: number): number[] => values.filter((_, i) => i % n === 0);
