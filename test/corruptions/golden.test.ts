import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  CORRUPTIONS,
  type CorruptionName,
  corrupt,
  EXTRA_CORRUPTIONS,
  SEVERITIES,
} from "../../src/corruptions/index.js";
import { decodeSafetensors } from "../../src/runs/safetensors.js";
import { picture } from "../support/picture.js";

const { tensors, metadata } = decodeSafetensors(
  readFileSync(new URL("../golden/values/corruptions.safetensors", import.meta.url)),
);
const seed = Number(metadata?.seed);
const sample = Number(metadata?.sample);
const draws = Number(metadata?.draws);
const strides = JSON.parse(metadata?.strides ?? "{}") as Record<string, number>;

function golden(name: string): Uint8Array | undefined {
  const data = tensors.get(name)?.data;
  return data && new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** All except frost, whose published textures are photographs. */
const NAMES: readonly CorruptionName[] = [...CORRUPTIONS, ...EXTRA_CORRUPTIONS].filter((name) => name !== "frost");
const RANDOM = NAMES.filter((name) => tensors.has(`${name}/1/draws`));

/** Mean absolute difference, mean and variance of the difference, and its power in four bands; see the golden script. */
function statistics(found: Uint8Array, clean: Uint8Array, side: number): number[] {
  const difference = Float64Array.from(found, (value, i) => value - clean[i]);
  const count = difference.length;
  const mean = difference.reduce((sum, value) => sum + value, 0) / count;
  const absolute = difference.reduce((sum, value) => sum + Math.abs(value), 0) / count;
  const variance = difference.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  return [absolute, mean, variance, ...bandPower(difference, side)];
}

/**
 * Power of the mean over the channels in the rings of frequency 1-2, 3-5, 6-10 and 11-16. The transform is a plain sum of
 * cosines and sines, along the rows and then along the columns.
 */
function bandPower(difference: Float64Array, side: number): number[] {
  const cosines = Float64Array.from({ length: side }, (_, k) => Math.cos((2 * Math.PI * k) / side));
  const sines = Float64Array.from({ length: side }, (_, k) => Math.sin((2 * Math.PI * k) / side));
  const real = new Float64Array(side * side);
  const imaginary = new Float64Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const at = 3 * (y * side + x);
      const value = (difference[at] + difference[at + 1] + difference[at + 2]) / 3;
      for (let u = 0; u < side; u++) {
        real[y * side + u] += value * cosines[(u * x) % side];
        imaginary[y * side + u] -= value * sines[(u * x) % side];
      }
    }
  }
  const bands = [0, 0, 0, 0];
  // The spectrum of real numbers is equal at v and -v. So half of it is computed and doubled, except the row that is its own
  // mirror image.
  for (let u = 0; u < side; u++) {
    for (let v = 0; v <= side / 2; v++) {
      let re = 0;
      let im = 0;
      for (let y = 0; y < side; y++) {
        const c = cosines[(v * y) % side];
        const s = sines[(v * y) % side];
        re += real[y * side + u] * c + imaginary[y * side + u] * s;
        im += imaginary[y * side + u] * c - real[y * side + u] * s;
      }
      const ring = Math.max(Math.min(u, side - u), v);
      const twice = v === 0 || v === side / 2 ? 1 : 2;
      const band = [2, 5, 10, 16].findIndex((last) => ring <= last);
      if (ring > 0) bands[band] += (twice * (re * re + im * im)) / side ** 4;
    }
  }
  return bands;
}

describe("corruptions equal their definition", () => {
  test("the golden file holds every corruption except frost", () => {
    expect(NAMES).toHaveLength(18);
    expect(RANDOM).toHaveLength(10);
  });

  describe.each(NAMES)("%s", (name) => {
    // The draws are the same, so that random corruptions are compared pixel by pixel too.
    test.each(Object.keys(strides).map(Number))("equals the definition at %i pixels", (side) => {
      const clean = picture(side);
      for (const severity of SEVERITIES) {
        const expected = golden(`${name}/${severity}/${side}`)!;
        const found = corrupt(clean, side, side, name, severity, { seed, sample });
        const differences = [...expected].map((value, i) => Math.abs(value - found[i * strides[side]]));
        const mean = differences.reduce((sum, value) => sum + value, 0) / expected.length;
        // Equal on the machine where this was written. Elsewhere a last digit can change a value that is truncated to an integer.
        expect(mean, `severity ${severity}`).toBeLessThan(0.05);
        const unequal = differences.filter((difference) => difference > 1).length;
        expect(unequal / expected.length, `severity ${severity}`).toBeLessThan(0.002);
      }
    });
  });

  test.each(RANDOM)("%s has the statistics of the definition over many draws", (name) => {
    const side = 32;
    const clean = picture(side);
    for (const severity of SEVERITIES) {
      const bytes = golden(`${name}/${severity}/draws`)!;
      const expected = new Float64Array(bytes.slice().buffer);
      const found = new Float64Array(7);
      for (let i = 0; i < draws; i++) {
        const values = statistics(corrupt(clean, side, side, name, severity, { seed: 1, sample: i }), clean, side);
        values.forEach((value, k) => {
          found[k] += value / draws;
        });
      }
      found.forEach((value, k) => {
        // Both are means over the same number of draws. The tolerance is five standard errors of their difference.
        const tolerance = 5 * expected[7 + k] * Math.sqrt(2 / draws) + 1e-9;
        expect(Math.abs(value - expected[k]), `severity ${severity}, statistic ${k}`).toBeLessThan(tolerance);
      });
    }
  });
});
