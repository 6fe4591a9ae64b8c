/** Computations of the page: axes, smoothing and names. */
import { describe, expect, test, vi } from "vitest";
import { addressWriter } from "../../src/dashboard/client/address-writer.js";
import { stepScale } from "../../src/dashboard/client/charts/axes.js";
import { smooth } from "../../src/dashboard/client/charts/smoothing.js";
import { shortNames } from "../../src/dashboard/client/names.js";
import { ownSuites } from "../../src/dashboard/client/views/own-suites.js";
import type { RunDetails, RunSummary } from "../../src/dashboard/wire.js";
import { attackText } from "../../src/evaluation/attack-text.js";

describe("axes", () => {
  // Two epochs of 10 steps, of 60 and 120 seconds.
  const seconds = { step: [10, 20], mean: [60, 120] };
  test("steps become epochs and minutes, linearly in each epoch and beyond the last one", () => {
    expect([0, 5, 10, 15, 20, 30].map(stepScale("epoch", seconds)!.to)).toEqual([0, 0.5, 1, 1.5, 2, 3]);
    expect([0, 5, 10, 15, 20, 30].map(stepScale("minutes", seconds)!.to)).toEqual([0, 0.5, 1, 2, 3, 5]);
    expect(stepScale("step", seconds)!.to(7)).toBe(7);
  });

  test("before the first epoch is done, steps have no place on an axis of epochs or minutes", () => {
    for (const none of [undefined, { step: [], mean: [] }]) {
      expect(stepScale("epoch", none)).toBeUndefined();
      expect(stepScale("minutes", none)).toBeUndefined();
      expect(stepScale("step", none)!.to(7)).toBe(7);
    }
  });

  test("positions become steps again", () => {
    for (const axis of ["epoch", "minutes", "step"] as const) {
      const { to, from } = stepScale(axis, seconds)!;
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

test("an attack has its name and its radius, in the L2 norm too", () => {
  const name = "pgd";
  expect(attackText({ name, epsilon: 4 / 255, norm: "linf" })).toBe("pgd 4/255");
  expect(attackText({ name, epsilon: 0.5, norm: "l2" })).toBe("pgd 0.5 (l2)");
  expect([attackText({ name }), attackText({})]).toEqual(["pgd", "attack"]);
});

test("suites of runs that were measured on different images say which, and only those", () => {
  const suiteOf = (name: string, images: number, value: number) => ({
    suite: {
      data: { name, images },
      models: [{ name: "model", errors: [], robustness: [] }],
      measures: [{ name: "clean accuracy", better: "higher", values: [{ value, low: 0, high: 1, count: images }] }],
    },
  });
  const shown = (...suites: readonly (readonly [name: string, images: number, value: number])[]) => {
    const runs = suites.map((_, i) => ({ id: `run ${i}` }) as RunSummary);
    const details = new Map(
      suites.map((one, i) => [`run ${i}`, suiteOf(...one) as Partial<RunDetails> as RunDetails] as const),
    );
    return ownSuites(runs, details, new Map(runs.map(({ id }) => [id, id])));
  };
  const same = shown(["cifar10", 100, 0.5], ["cifar10", 100, 0.6])!;
  expect(same.dataOf).toBeUndefined();
  expect(same.measures[0].values.map((one) => one?.value)).toEqual([0.5, 0.6]);
  expect(shown(["cifar10", 100, 0.5], ["cifar10", 90, 0.6])!.dataOf).toMatchObject([{ images: 100 }, { images: 90 }]);
  expect(shown(["a", 9, 0.5], ["b", 9, 0.6])!.dataOf).toMatchObject([{ name: "a" }, { name: "b" }]);
  expect(shown()).toBeUndefined();
});

describe("the address", () => {
  const recorded = () => {
    const calls: string[] = [];
    const writer = addressWriter({
      pushState: (_, __, address) => calls.push(`push ${address}`),
      replaceState: (_, __, address) => calls.push(`replace ${address}`),
    });
    return { calls, writer };
  };

  test("is written at once, then seldom while a slider moves, and before a new entry", () => {
    vi.useFakeTimers();
    try {
      const { calls, writer } = recorded();
      for (let i = 0; i < 3000; i++) {
        writer.replace(`?smooth=${i}`);
        vi.advanceTimersByTime(10);
      }
      vi.runAllTimers();
      expect(calls[0]).toBe("replace ?smooth=0");
      expect(calls.at(-1)).toBe("replace ?smooth=2999");
      expect(calls.length).toBeLessThan(70);
      calls.length = 0;
      for (const address of ["?x=step", "?log=0", "?log=1"]) writer.replace(address);
      writer.enter("?view=norms");
      writer.replace("?measure=mean");
      writer.forget();
      vi.runAllTimers();
      expect(calls).toEqual(["replace ?x=step", "replace ?log=1", "push ?view=norms"]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("may be refused by the browser", () => {
    const refuse = () => {
      throw new Error("SecurityError");
    };
    expect(() => addressWriter({ pushState: refuse, replaceState: refuse }).enter("?a")).not.toThrow();
  });
});
