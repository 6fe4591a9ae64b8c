/** Results of methods over seeds, from models that differ in nothing else. */
import { type SeedDifference, seedDifference } from "../statistics/paired-tests.js";
import type { SuiteSummary } from "./summary.js";

/** Models whose trainings differ only in the seed. */
export interface SeedGroup {
  readonly name: string;
  readonly members: readonly { readonly model: string; readonly seed: number }[];
}

/** One measure of each group, and its difference from the first group. */
export interface SeedMeasure {
  readonly name: string;
  readonly better: "higher" | "lower";
  /** By group; undefined where a member was not measured. */
  readonly values: readonly (SeedSpread | undefined)[];
  /** Undefined for the first group, and where they share fewer than two seeds. */
  readonly differences: readonly (SeedDifference | undefined)[];
}

export interface SeedSpread {
  readonly mean: number;
  /** Standard deviation over seeds, with the divisor count - 1. */
  readonly deviation: number;
  readonly count: number;
}

export interface SeedSummary {
  readonly groups: readonly SeedGroup[];
  readonly measures: readonly SeedMeasure[];
}

/** Spread of every measure over the seeds of each group of two or more; undefined where there is no such group. */
export function summariseSeeds({ models, measures }: SuiteSummary, all: readonly SeedGroup[]): SeedSummary | undefined {
  const groups = all.filter(({ members }) => members.length > 1);
  if (groups.length === 0) return undefined;
  const positions = new Map(models.map(({ name }, m) => [name, m]));
  return {
    groups,
    measures: measures.map(({ name, better, values }) => {
      const bySeed = groups.map(
        ({ members }) =>
          new Map(members.map(({ model, seed }) => [seed, values[positions.get(model)!]?.value] as const)),
      );
      return {
        name,
        better,
        values: bySeed.map(spreadOf),
        differences: bySeed.map((own, g) => (g === 0 ? undefined : pairedBySeed(bySeed[0], own))),
      };
    }),
  };
}

type BySeed = ReadonlyMap<number, number | undefined>;

function spreadOf(bySeed: BySeed): SeedSpread | undefined {
  const values = [...bySeed.values()].filter((value) => value !== undefined);
  if (values.length < bySeed.size) return undefined;
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  return { mean, deviation, count: values.length };
}

function pairedBySeed(first: BySeed, other: BySeed): SeedDifference | undefined {
  const pairs = [...first].flatMap(([seed, a]) => {
    const b = other.get(seed);
    return a === undefined || b === undefined ? [] : [[a, b] as const];
  });
  if (pairs.length < 2) return undefined;
  return seedDifference(
    pairs.map(([a]) => a),
    pairs.map(([, b]) => b),
  );
}
