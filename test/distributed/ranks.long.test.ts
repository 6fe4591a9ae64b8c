import { describe, expect, test } from "vitest";
import { startRanks } from "../support/ranks.js";

interface Outcome {
  readonly losses: readonly Readonly<Record<string, number>>[];
  /** Digest of the parameters after each step. */
  readonly hashes: readonly string[];
  /** Running statistics of this rank before and after the averaging, at each step. */
  readonly own: readonly (readonly number[])[];
  readonly means: readonly (readonly number[])[];
  readonly parameters: readonly number[];
  readonly statistics: readonly number[];
}

interface Settings {
  readonly method: "advprop" | "vanilla";
  readonly model: string;
  readonly synchronized: boolean;
  readonly steps: number;
  readonly batchSize: number;
  readonly side: number;
}

async function train(size: number, settings: Settings): Promise<Outcome[]> {
  const ranks = await startRanks(size, "../distributed/rank.mjs", [], { SETTINGS: JSON.stringify(settings) });
  const ended = await Promise.all(ranks.map((rank) => rank.ended));
  for (const { status, stderr } of ended) expect([status, stderr]).toEqual([0, ""]);
  return ended.map(({ stdout }) => JSON.parse(stdout) as Outcome);
}

const furthest = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
};

describe("ranks that synchronize their batch norms", () => {
  test.each([
    ["advprop", "resnet20", 5, 4],
    ["vanilla", "resnet20", 5, 4],
    ["vanilla", "efficientnet-b0", 2, 8],
  ] as const)("two of 32 images equal one of 64: %s of %s, float64, %i steps", async (method, model, steps, side) => {
    const settings = { method, model, side, synchronized: true, steps, batchSize: 64 };
    const [one] = await train(1, settings);
    const both = await train(2, settings);
    for (const two of both) {
      expect(furthest(two.parameters, one.parameters)).toBeLessThan(1e-6);
      expect(furthest(two.statistics, one.statistics)).toBeLessThan(1e-6);
      for (const [step, losses] of two.losses.entries()) {
        expect(furthest(Object.values(losses), Object.values(one.losses[step]))).toBeLessThan(1e-6);
      }
    }
    // The comparison distinguishes synchronised norms from others.
    const [apart] = await train(2, { ...settings, synchronized: false });
    expect(furthest(apart.parameters, one.parameters)).toBeGreaterThan(1e-4);
  });
});

describe("ranks without synchronised batch norms", () => {
  test.each(["advprop", "vanilla"] as const)(
    "hold the same parameters, bit for bit, and the average of their statistics after each step: %s",
    async (method) => {
      const settings = { method, model: "resnet20", side: 4, synchronized: false, steps: 4, batchSize: 12 };
      const ranks = await train(3, settings);
      for (const { hashes, losses, statistics } of ranks) {
        expect(hashes).toEqual(ranks[0].hashes);
        expect(losses).toEqual(ranks[0].losses);
        expect(statistics).toEqual(ranks[0].statistics);
      }
      expect(new Set(ranks[0].hashes).size).toBe(settings.steps);
      for (let step = 0; step < settings.steps; step++) {
        const mean = ranks[0].own[step].map((_, i) => ranks.reduce((sum, { own }) => sum + own[step][i], 0) / 3);
        expect(furthest(ranks[0].means[step], mean)).toBeLessThan(1e-12);
        expect(furthest(ranks[0].own[step], ranks[1].own[step])).toBeGreaterThan(1e-6);
      }
    },
  );
});
