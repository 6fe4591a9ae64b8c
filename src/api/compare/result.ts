/** The results of a comparison, as numbers and as a report. */

import type { Block, Document, TableCell } from "../../evaluation/report/document.js";
import { type SeedDifference, seedDifference } from "../../evaluation/statistics/paired-tests.js";
import { signFlipTest } from "../../evaluation/statistics/sign-flip.js";
import type { Budget } from "./plan.js";

/** One training of an arm. */
export interface RunResult {
  readonly arm: string;
  readonly repetition: string;
  readonly run: string;
  readonly status: string;
  /** Time of all epochs, without validation. After a stop within an epoch only the rest of that epoch counts. */
  readonly seconds: number;
  readonly steps: number;
  /** Forward-backward units: training passes of vanilla over a mini-batch. */
  readonly units: number;
}

export interface ArmResult {
  readonly name: string;
  readonly method: string;
  readonly model: string;
  /** Epochs that are trained, unless early stopping ends a run. For Fast AdvProp they are fewer than `training.epochs`. */
  readonly epochs: number;
  readonly unitsPerStep: number;
  readonly runs: readonly RunResult[];
}

/** One measure of an arm. */
export interface ArmMeasure {
  readonly arm: string;
  readonly mean: number;
  /** Sample standard deviation over the repetitions (divisor count - 1); undefined for one repetition. */
  readonly deviation: number | undefined;
  /** Values by repetition, without failed runs. */
  readonly values: Readonly<Record<string, number>>;
  /**
   * Difference of this arm minus the first, over their common repetitions; undefined for the first arm, and for fewer than two repetitions.
   */
  readonly difference: (SeedDifference & { readonly signFlip: number }) | undefined;
}

export interface ComparedMeasure {
  readonly name: string;
  readonly better: "higher" | "lower";
  readonly arms: readonly ArmMeasure[];
}

export interface MeasuredValue {
  readonly arm: string;
  readonly repetition: string;
  readonly measure: string;
  readonly better: "higher" | "lower";
  readonly value: number;
}

/**
 * Mean, standard deviation and paired differences of every measure.
 *
 * @param folds if the repetitions are folds of a cross-validation: the number of all folds, for {@link seedDifference}
 */
export function measuresOf(
  arms: readonly string[],
  repetitions: readonly string[],
  values: readonly MeasuredValue[],
  folds?: number,
): ComparedMeasure[] {
  const names = [...new Map(values.map(({ measure, better }) => [measure, better]))];
  return names.map(([name, better]) => {
    const of = (arm: string) =>
      new Map(
        values
          .filter((one) => one.arm === arm && one.measure === name)
          .map((one) => [one.repetition, one.value] as const),
      );
    const first = of(arms[0]);
    return {
      name,
      better,
      arms: arms.flatMap((arm) => {
        const own = of(arm);
        const all = [...own.values()];
        if (all.length === 0) return [];
        const mean = all.reduce((a, b) => a + b, 0) / all.length;
        const squares = all.reduce((sum, value) => sum + (value - mean) ** 2, 0);
        const deviation = all.length > 1 ? Math.sqrt(squares / (all.length - 1)) : undefined;
        const shared = repetitions.filter((one) => first.has(one) && own.has(one));
        const difference = arm === arms[0] ? undefined : differenceOf(shared, first, own, folds);
        return [{ arm, mean, deviation, values: Object.fromEntries(own), difference }];
      }),
    };
  });
}

function differenceOf(
  shared: readonly string[],
  first: ReadonlyMap<string, number>,
  own: ReadonlyMap<string, number>,
  folds: number | undefined,
): ArmMeasure["difference"] {
  if (shared.length < 2) return undefined;
  const pairs = shared.map((one) => [first.get(one)!, own.get(one)!] as const);
  return {
    ...seedDifference(
      pairs.map(([a]) => a),
      pairs.map(([, b]) => b),
      folds,
    ),
    signFlip: signFlipTest(pairs.map(([a, b]) => b - a)),
  };
}

const quantity = (value: number, text: string): TableCell => ({ value, text });
const points = (value: number) => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(2)}`;
const arrow = ({ better }: ComparedMeasure) => (better === "higher" ? "↑" : "↓");

/** The report of a comparison. */
export function comparisonDocument(
  { arms, measures, budget, repetitions, failures, unfinished }: CompareResult,
  folds: boolean,
): Document {
  const [first] = arms;
  const of = folds ? "folds" : "seeds";
  const blocks: Block[] = [
    {
      kind: "paragraph",
      text: `${arms.length} arms, ${repetitions.length} ${of} each (${repetitions.join(", ")}); ${equalOf(budget, arms)}.`,
    },
    ...failures.map(({ run, message }): Block => ({ kind: "paragraph", text: `Failed: ${run}: ${message}` })),
    ...unfinished.map(({ run, message }): Block => ({ kind: "paragraph", text: `Unfinished: ${run}: ${message}` })),
    ...resultBlocks(arms, measures, of),
    ...differenceBlocks(first, arms, measures, folds),
    { kind: "heading", text: "Cost" },
    {
      kind: "table",
      caption:
        "Mean over the runs of an arm. A unit is a training pass of vanilla training over a mini-batch; an attack step costs two thirds of a unit." +
        (arms.some(({ method }) => method === "fast-advprop") ? FAST_ADVPROP : ""),
      columns: ["", "network", "epochs", "updates", "units per step", "units", "seconds"],
      rows: arms.map(({ name, model, epochs, unitsPerStep, runs }) => {
        const mean = (value: (run: RunResult) => number) =>
          runs.reduce((sum, run) => sum + value(run), 0) / runs.length;
        const cells = [
          epochs,
          mean((run) => run.steps),
          unitsPerStep,
          mean((run) => run.units),
          mean((run) => run.seconds),
        ];
        return [
          name,
          model,
          ...cells.map((value) => quantity(value, Number.isNaN(value) ? "none" : `${+value.toFixed(2)}`)),
        ];
      }),
    },
  ];
  return { title: `Comparison of ${arms.map(({ name }) => name).join(", ")}`, blocks };
}

/** The mean of each measure; nothing if there are no measures. */
function resultBlocks(arms: readonly ArmResult[], measures: readonly ComparedMeasure[], of: string): Block[] {
  if (measures.length === 0) return [];
  return [
    { kind: "heading", text: "Results" },
    {
      kind: "table",
      caption: `In percent: mean ± standard deviation over ${of} (with their number); ↑ higher is better, ↓ lower is better.`,
      columns: ["", ...arms.map(({ name }) => name)],
      rows: measures.map((measure) => [
        `${measure.name} ${arrow(measure)}`,
        ...arms.map(({ name }): TableCell => {
          const found = measure.arms.find(({ arm }) => arm === name);
          if (found === undefined) return "not measured";
          const spread = found.deviation === undefined ? "" : ` ± ${(100 * found.deviation).toFixed(2)}`;
          return quantity(
            found.mean,
            `${(100 * found.mean).toFixed(2)}${spread} (${Object.keys(found.values).length})`,
          );
        }),
      ]),
    },
  ];
}

const FAST_ADVPROP =
  " Fast AdvProp trains fewer epochs than its recipe says, because each of them costs more. So the whole training costs about as much as that of vanilla.";

/** What the arms have in equal amounts. */
function equalOf(budget: Budget, arms: readonly ArmResult[]): string {
  if (budget === "compute") return "with equal forward-backward units";
  if (budget === "time") return "with equal measured seconds";
  return arms.every(({ epochs }) => epochs === arms[0].epochs)
    ? "with equal epochs"
    : "with different epochs, see the table of the cost";
}

function differenceBlocks(
  first: ArmResult,
  arms: readonly ArmResult[],
  measures: readonly ComparedMeasure[],
  folds: boolean,
): Block[] {
  const rows = measures.flatMap((measure) =>
    measure.arms.flatMap(({ arm, difference }) => {
      if (difference === undefined) return [];
      const { value, low, high, signFlip, detectable, count } = difference;
      return [
        [
          `${arm}, ${measure.name} ${arrow(measure)}`,
          quantity(value, `${points(value)} [${points(low)}, ${points(high)}]`),
          quantity(signFlip, signFlip.toFixed(4)),
          quantity(detectable, (100 * detectable).toFixed(2)),
          quantity(count, String(count)),
        ],
      ];
    }),
  );
  if (rows.length === 0 || arms.length < 2) return [];
  const of = folds ? "folds" : "seeds";
  const overlap = folds
    ? " The folds share most of their training photos. Interval and detectable difference are corrected for this (Nadeau and Bengio 2003), but " +
      "stay approximate. p is not corrected: it treats the folds as independent, so it is too small."
    : "";
  return [
    { kind: "heading", text: `Differences from ${first.name}` },
    {
      kind: "table",
      caption:
        `In percentage points, paired by ${of}, with Student's 95 % interval; p is that of the sign-flip test; detectable is the true difference that ` +
        `would be found with probability 0.8 at the 5 % level.${overlap} Many rows are tested without a correction for their number.`,
      columns: ["", "difference", "p", "detectable", "pairs"],
      rows,
    },
  ];
}

/** The contents of comparison.json. */
export interface CompareResult {
  readonly schema: 1;
  /** `stopped` if the caller's signal or a time budget ended a training; a further call continues it. */
  readonly status: "finished" | "stopped";
  readonly budget: Budget;
  readonly repetitions: readonly string[];
  readonly arms: readonly ArmResult[];
  readonly measures: readonly ComparedMeasure[];
  readonly failures: readonly { readonly run: string; readonly message: string }[];
  /** Runs that a time budget ended. They are not measured. */
  readonly unfinished: readonly { readonly run: string; readonly message: string }[];
  readonly createdAt: string;
  readonly command: readonly string[];
}
