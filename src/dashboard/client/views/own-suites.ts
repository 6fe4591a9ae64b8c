/** The newest suites of several runs as one report. */
import type { SuiteReport } from "../../reports.js";
import type { RunDetails, RunSummary } from "../../wire.js";

/** A report, and the images of each model where they differ, so that its numbers cannot be compared. */
export interface ShownSuite extends SuiteReport {
  readonly dataOf?: readonly SuiteReport["data"][];
}

/** Undefined if none of the runs has a suite. */
export function ownSuites(
  chosen: readonly RunSummary[],
  details: ReadonlyMap<string, RunDetails>,
  names: ReadonlyMap<string, string>,
): ShownSuite | undefined {
  const all = chosen.flatMap(({ id }) => {
    const suite = details.get(id)?.suite as SuiteReport | undefined;
    return suite?.models?.[0] === undefined ? [] : [{ name: names.get(id)!, suite }];
  });
  if (all.length === 0) return undefined;
  const measures = new Map(all.flatMap(({ suite }) => suite.measures.map((one) => [one.name, one] as const)));
  const dataOf = all.map(({ suite }) => suite.data);
  const [data] = dataOf;
  return {
    data,
    ...(dataOf.some(({ name, images }) => name !== data.name || images !== data.images) && { dataOf }),
    models: all.map(({ name, suite }) => ({ ...suite.models[0], name })),
    measures: [...measures.values()].map(({ name, better }) => ({
      name,
      better,
      values: all.map(({ suite }) => suite.measures.find((one) => one.name === name)?.values[0]),
    })),
  };
}
