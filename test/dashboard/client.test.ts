/** Computations of the page: axes, smoothing and names. */
import { describe, expect, test } from "vitest";
import { stepScale } from "../../src/dashboard/client/charts/axes.js";
import { smooth } from "../../src/dashboard/client/charts/smoothing.js";
import { shortNames } from "../../src/dashboard/client/names.js";
import type { RunSummary } from "../../src/dashboard/wire.js";

describe("axes", () => {
  // Two epochs of 10 steps, of 60 and 120 seconds.
  const seconds = { step: [10, 20], mean: [60, 120] };
  test("steps become epochs and minutes, linearly in each epoch and beyond the last one", () => {
    expect([0, 5, 10, 15, 20, 30].map(stepScale("epoch", seconds).to)).toEqual([0, 0.5, 1, 1.5, 2, 3]);
    expect([0, 5, 10, 15, 20, 30].map(stepScale("minutes", seconds).to)).toEqual([0, 0.5, 1, 2, 3, 5]);
    expect(stepScale("step", seconds).to(7)).toBe(7);
    expect(stepScale("minutes", undefined).to(7)).toBe(7);
  });

  test("positions become steps again", () => {
    for (const axis of ["epoch", "minutes", "step"] as const) {
      const { to, from } = stepScale(axis, seconds);
      for (const step of [0, 3, 10, 14, 20, 26]) expect(from(to(step))).toBeCloseTo(step, 9);
    }
  });
});

test("smoothing keeps a constant, begins with the first value and follows the weight", () => {
  expect(smooth([3, 3, 3], 0.9).every((value) => Math.abs(value - 3) < 1e-12)).toBe(true);
  const [first, second] = smooth([4, 8], 0.5);
  expect(first).toBeCloseTo(4, 12);
  // (0.25 * 4 + 0.5 * 8) / 0.75
  expect(second).toBeCloseTo(20 / 3, 12);
  expect(smooth([1, Number.NaN, 2], 0)).toEqual([1, 1, 2]);
});

test("names are the shortest unique ends", () => {
  const runs = ["a/runs/vanilla-0", "b/runs/vanilla-0", "b/runs/advprop-0", "runs"].map(
    (id) => ({ id, name: id }) as RunSummary,
  );
  expect([...shortNames(runs).values()]).toEqual(["a/vanilla-0", "b/vanilla-0", "advprop-0", "runs"]);
  expect([...shortNames([{ id: ".", name: "mine" } as RunSummary]).values()]).toEqual(["mine"]);
});
