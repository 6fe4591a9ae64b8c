/** Compares methods: trains every arm with several seeds or folds, measures all runs, and tests the differences statistically. */

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { foldSplits } from "../../data/folders/folds.js";
import type { SavedSplit } from "../../data/folders/photo-split.js";
import { AdvPropError, numbered, RunError, UsageError } from "../../errors.js";
import type { Document } from "../../evaluation/report/document.js";
import { writeReport } from "../../evaluation/report/write.js";
import { MOST_PAIRS } from "../../evaluation/statistics/sign-flip.js";
import { modelName } from "../../predictors/opened.js";
import { SHAPES } from "../../recipes/build/data.js";
import { dataKind } from "../../recipes/build/data-kind.js";
import type { Recipe } from "../../recipes/schema.js";
import { makeFolder } from "../../runs/atomic-file.js";
import { checkPath } from "../../runs/given-path.js";
import { resolveModel } from "../../runs/model-argument.js";
import { RunDirectory, savedSplit, writeJson } from "../../runs/run-directory.js";
import { checkSuiteParts, type SuitePart } from "../evaluation/benchmark.js";
import { type EvaluationOptions, machineOf } from "../evaluation/options.js";
import { evaluateSuite } from "../evaluation/suite.js";
import { openRun } from "../open-run.js";
import { train } from "../training/train.js";
import { checkComparison, checkReached } from "./checks.js";
import type { CompareEvent } from "./events.js";
import {
  type Arm,
  armsOf,
  type Budget,
  type Comparison,
  checkArms,
  checkBudget,
  epochsWithin,
  planFile,
  readPlan,
  type SavedComparison,
  trainedEpochs,
  trainedShare,
  unitsOf,
} from "./plan.js";
import type { CompareResult } from "./result.js";
import { type ComparedMeasure, comparisonDocument, measuresOf, type RunResult } from "./result.js";

export interface CompareOptions
  extends Pick<
    EvaluationOptions,
    "limitTest" | "seed" | "workers" | "threads" | "precision" | "device" | "memoryLimit" | "command"
  > {
  /** Folder of the runs, the measurements and the report. A call with the same folder continues where the last one stopped. */
  readonly to: string;
  /** Number of seeds, from the seed of `common` on; each arm is trained once with each. By default 3. */
  readonly seeds?: number;
  /**
   * Number of folds. Instead of using seeds, cross-validates a folder of photos without splits: for each fold each arm is trained on the
   * other folds.
   */
  readonly folds?: number;
  /** What is equal for all arms; the first arm sets the amount. By default epochs. */
  readonly budget?: Budget;
  /** The parts of the standard suite to measure; by default all. */
  readonly parts?: readonly SuitePart[];
  /**
   * Checkpoint of each run: last, best or the step of a kept one; by default last, which was not chosen by validation images. Every run must
   * write it.
   */
  readonly checkpoint?: string;
  /** If it is aborted, the current run is saved; a later call continues. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: CompareEvent) => void;
}

/** One training of an arm. */
interface Repetition {
  readonly name: string;
  /** "seed-0", "fold-3". */
  readonly suffix: string;
  readonly seed: number;
  readonly split: SavedSplit | undefined;
}

/**
 * Trains each arm for each seed or fold, measures all runs on the same images, and writes comparison.html, .md, .csv and .json. If a run
 * fails it is reported, and the others continue. A run that `training.timeBudgetHours` ends is unfinished: it is reported and not measured,
 * and a further call continues it. A run that early stopping ends is finished.
 *
 * `threads`, `precision`, `device` and `memoryLimit` replace those of `common`, and an arm's own values replace them in its training. All runs
 * are measured with those of the options.
 *
 * @throws UsageError ERR_COMPARE, ERR_FOLDS, ERR_SETTING and what {@link checkComparison}, {@link checkArms} and {@link checkReached} throw: an
 *   argument is wrong, before the runs are trained; ERR_COMPARE there is no run to compare
 */
export async function compare(
  comparison: Comparison,
  options: CompareOptions,
): Promise<{ readonly result: CompareResult; readonly document: Document }> {
  const { to, budget = "epochs", command = [] } = options;
  checkPath("compare", "to", to);
  checkBudget(budget);
  checkSuiteParts("compare", options.parts);
  machineOf(options); // refuses wrong options of the measurement before anything is trained
  const common = withMachine(comparison.common ?? {}, options);
  const arms = armsOf({ ...comparison, common });
  await checkComparison(comparison, arms, options);
  const repetitions = await repetitionsOf(arms, options);
  const requested = { common, arms: comparison.arms, budget, folds: options.folds };
  const plan = readPlan(to, requested) ?? (await newPlan(arms, requested, options));

  if (plan !== undefined) {
    const splits = repetitions.flatMap(({ split }) => split ?? []);
    await checkReached(arms, plan.epochs, splits, options);
  }

  const { runs, failures, unfinished, stopped } =
    plan === undefined ? STOPPED : await trainAll(arms, repetitions, plan, options);
  if (runs.length === 0 && unfinished.length === 0 && !stopped) {
    const why = failures.map(({ run, message }) => `${run}: ${message}`).join("\n");
    throw new RunError("ERR_COMPARE", `compare: there is no run to compare, because all failed\n${why}`);
  }
  const measures = stopped ? [] : await measure(arms, repetitions, runs, options);
  const result: CompareResult = {
    schema: 1,
    status: stopped || unfinished.length > 0 ? "stopped" : "finished",
    budget,
    repetitions: repetitions.map(({ name }) => name),
    arms: arms.map((arm) => ({
      name: arm.name,
      method: arm.resolved.method,
      model: arm.resolved.model,
      epochs: trainedEpochs(arm.resolved, plan?.epochs[arm.name] ?? arm.resolved.training.epochs),
      unitsPerStep: unitsOf(arm.resolved),
      runs: runs.filter((one) => one.arm === arm.name),
    })),
    measures,
    failures,
    unfinished,
    createdAt: new Date().toISOString(),
    command,
  };
  const document = comparisonDocument(result, options.folds !== undefined);
  if (!stopped) writeReport(to, "comparison", document, result);
  return { result, document };
}

interface Trained {
  readonly runs: readonly RunResult[];
  readonly failures: CompareResult["failures"];
  readonly unfinished: CompareResult["unfinished"];
  /** Whether the caller's signal stopped the training. */
  readonly stopped: boolean;
}

const STOPPED: Trained = { runs: [], failures: [], unfinished: [], stopped: true };

/** Trains the runs that are not finished, and collects failures and what a time budget ended. */
async function trainAll(
  arms: readonly Arm[],
  repetitions: readonly Repetition[],
  plan: SavedComparison,
  options: CompareOptions,
): Promise<Trained> {
  const { to, checkpoint = "last", onEvent } = options;
  const runs: RunResult[] = [];
  const failures: { run: string; message: string }[] = [];
  const unfinished: { run: string; message: string }[] = [];
  let sharedSplit: SavedSplit | undefined;
  const all = repetitions.flatMap((repetition) => arms.map((arm) => ({ arm, repetition })));
  for (const [i, { arm, repetition }] of all.entries()) {
    const run = join(to, "runs", `${arm.name}-${repetition.suffix}`);
    const finished = existsSync(join(run, "run.json")) && openRun(run).info.status === "finished";
    const state = finished ? "finished before" : existsSync(join(run, "run.json")) ? "resumed" : "new";
    onEvent?.({ type: "run", arm: arm.name, repetition: repetition.name, run, number: i + 1, runs: all.length, state });
    try {
      let outOfTime: string | undefined;
      if (!finished) {
        if (options.signal?.aborted) return { runs, failures, unfinished, stopped: true };
        const recipe = recipeOf(arm, repetition, plan);
        // All runs use the same split of a folder, so that each is tested on photos that none was trained on.
        const split = repetition.split ?? sharedSplit;
        const { status, step } = await trainOrResume(recipe, run, split, state === "resumed", options);
        if (status === "stopped") {
          if (options.signal?.aborted) return { runs, failures, unfinished, stopped: true };
          outOfTime = outOfTimeAfter(step);
        }
      }
      if (options.folds === undefined) sharedSplit ??= savedSplit<SavedSplit>(run);
      if (outOfTime !== undefined) {
        unfinished.push({ run, message: outOfTime });
        onEvent?.({ type: "unfinished", arm: arm.name, run, message: outOfTime });
        continue;
      }
      checkWritten(run, checkpoint);
      runs.push(runResult(run, arm, repetition.suffix));
    } catch (error) {
      if (!(error instanceof AdvPropError)) throw error;
      failures.push({ run, message: error.message });
      onEvent?.({ type: "failed", arm: arm.name, run, message: error.message });
    }
  }
  return { runs, failures, unfinished, stopped: false };
}

const outOfTimeAfter = (step: number): string =>
  `training.timeBudgetHours ended it after ${numbered(step, "update")}, so it is not measured. To continue it, compare again in the same folder. ` +
  "Or compare without the time budget, in another folder";

/** @throws UsageError ERR_CHECKPOINT a finished run has no such checkpoint: early stopping ended it before, or the file was deleted */
function checkWritten(run: string, checkpoint: string): void {
  if (existsSync(resolveModel("compare", run, checkpoint).weights)) return;
  const how = checkpoint === "last" ? "Remove its folder to train it again" : "Give `checkpoint: last`";
  throw new UsageError("ERR_CHECKPOINT", `compare: the run is finished and has no checkpoint ${checkpoint}. ${how}`);
}

/** @throws UsageError ERR_COMPARE the number of seeds is not a whole number; and what {@link foldSplits} throws */
async function repetitionsOf(arms: readonly Arm[], { seeds, folds, workers }: CompareOptions): Promise<Repetition[]> {
  const { data, seed } = arms[0].resolved;
  if (folds !== undefined) {
    if (seeds !== undefined) throw new UsageError("ERR_COMPARE", "compare: give `seeds` or `folds`, not both");
    if (data.path === null || data.path === SHAPES) {
      const got = data.path === null ? "none" : "shapes";
      throw new UsageError("ERR_COMPARE", `compare: \`folds\` needs a folder of photos in \`data.path\`; got ${got}`);
    }
    if (folds > MOST_PAIRS) {
      throw new UsageError("ERR_FOLDS", `compare: \`folds\` must be at most ${MOST_PAIRS}; got ${folds}`);
    }
    const splits = await foldSplits(data.path, folds, seed, { workers: workers ?? undefined });
    return splits.map((split, i) => ({ name: `fold ${i}`, suffix: `fold-${i}`, seed, split }));
  }
  const count = seeds ?? 3;
  if (!Number.isSafeInteger(count) || count < 1 || count > MOST_PAIRS) {
    throw new UsageError(
      "ERR_COMPARE",
      `compare: \`seeds\` must be a whole number from 1 to ${MOST_PAIRS}; got ${count}`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    return { name: `seed ${seed + i}`, suffix: `seed-${seed + i}`, seed: seed + i, split: undefined };
  });
}

/**
 * Decides how long each arm trains, and saves the plan; undefined if the caller's signal stopped it.
 *
 * @throws UsageError what {@link checkArms} throws
 */
async function newPlan(
  arms: readonly Arm[],
  requested: Omit<SavedComparison, "schema" | "epochs">,
  options: CompareOptions,
): Promise<SavedComparison | undefined> {
  const { to } = options;
  checkArms(arms, requested.arms);
  makeFolder(to);
  const epochs = await epochsOfArms(arms, requested.budget, options);
  if (epochs === undefined) return undefined;
  const plan: SavedComparison = { schema: 1, ...requested, epochs };
  writeJson(planFile(to), plan);
  return plan;
}

async function epochsOfArms(
  arms: readonly Arm[],
  budget: Budget,
  options: CompareOptions,
): Promise<Record<string, number> | undefined> {
  if (budget === "epochs") return Object.fromEntries(arms.map((arm) => [arm.name, arm.resolved.training.epochs]));
  if (budget === "compute") return epochsWithin(arms, ({ resolved }) => unitsOf(resolved) * trainedShare(resolved));
  const seconds = new Map<string, number>();
  for (const arm of arms) {
    options.onEvent?.({ type: "note", message: `Measuring the time of an epoch of ${arm.name}`, warning: false });
    const run = join(options.to, "trials", arm.name);
    const once: Recipe = { ...arm.recipe, training: { ...arm.recipe.training, epochs: 1, timeBudgetHours: null } };
    const begun = existsSync(join(run, "run.json"));
    if (!begun || openRun(run).info.status !== "finished") {
      if (options.signal?.aborted) return undefined;
      // The time of an interrupted epoch is useless.
      if (begun) removeRun(run);
      await trainOrResume(once, run, undefined, false, options);
      if (options.signal?.aborted) return undefined;
    }
    seconds.set(arm.name, secondsOf(run));
  }
  return epochsWithin(arms, ({ name, resolved }) => seconds.get(name)! * trainedShare(resolved));
}

/** @throws UsageError ERR_RUN_LOCKED another process trains it */
function removeRun(run: string): void {
  RunDirectory.open(run).lock()();
  rmSync(run, { recursive: true });
}

const recipeOf = (arm: Arm, { seed, split }: Repetition, plan: SavedComparison): Recipe => ({
  ...arm.recipe,
  seed,
  training: { ...arm.recipe.training, epochs: plan.epochs[arm.name] },
  // Folds have no validation photos.
  ...(split && { data: { ...arm.recipe.data, validationFraction: 0 } }),
});

/** A recipe with the given device, precision, memory and threads. */
const withMachine = (recipe: Recipe, { threads, precision, device, memoryLimit }: CompareOptions): Recipe => ({
  ...recipe,
  ...(threads !== undefined && { threads }),
  ...(precision !== undefined && { precision }),
  ...(device !== undefined && { device }),
  ...(memoryLimit !== undefined && { memoryLimit }),
});

const trainOrResume = (
  recipe: Recipe,
  run: string,
  split: SavedSplit | undefined,
  resume: boolean,
  { signal, command, onEvent }: CompareOptions,
) =>
  train(resume ? {} : recipe, {
    run,
    resume,
    split: resume ? undefined : split,
    signal,
    command,
    onEvent: (event) => onEvent?.({ type: "training", run, event }),
  });

function runResult(run: string, arm: Arm, repetition: string): RunResult {
  const { info, metrics } = openRun(run);
  const steps = metrics().reduce((most, { step }) => Math.max(most, step), 0);
  return {
    arm: arm.name,
    repetition,
    run,
    status: info.status,
    seconds: secondsOf(run),
    steps,
    units: steps * unitsOf(arm.resolved),
  };
}

/** Total training time of a run in seconds, from its logged epochs. */
const secondsOf = (run: string): number =>
  openRun(run)
    .metrics()
    .reduce((sum, record) => sum + (record.type === "epoch" ? record.seconds : 0), 0);

/** Measures all runs; those of a fold on the photos of that fold. */
async function measure(
  arms: readonly Arm[],
  repetitions: readonly Repetition[],
  runs: readonly RunResult[],
  options: CompareOptions,
): Promise<ComparedMeasure[]> {
  const { to, folds, checkpoint = "last", parts, onEvent } = options;
  const { limitTest, seed, threads, precision, device, memoryLimit, command } = options;
  const { path } = arms[0].resolved.data;
  // A recipe for all kinds of images may have workers, but an evaluation of other images refuses them.
  const workers = path !== null && dataKind(path, "compare") === "photos" ? options.workers : undefined;
  const common = { limitTest, seed, workers, threads, precision, device, memoryLimit, command, checkpoint, parts };
  const groups =
    folds === undefined
      ? [{ folder: join(to, "measured"), members: runs }]
      : repetitions.map(({ suffix }) => ({
          folder: join(to, "measured", suffix),
          members: runs.filter(({ repetition }) => repetition === suffix),
        }));
  const values: { arm: string; repetition: string; measure: string; better: "higher" | "lower"; value: number }[] = [];
  for (const { folder, members } of groups) {
    if (members.length === 0) continue;
    const { result } = await evaluateSuite(
      members.map(({ run }) => run),
      { ...common, to: folder, onEvent: (event) => onEvent?.({ type: "evaluation", event }) },
    );
    for (const member of members) {
      const column = result.models.findIndex(({ name }) => name === modelName(member.run));
      const { arm, repetition } = member;
      for (const { name, better, values: measured } of result.measures) {
        const value = measured[column]?.value;
        // A measure relative to a reference run means something else in each fold.
        if (value === undefined || name.includes("reference: ")) continue;
        values.push({ arm, repetition, measure: name, better, value });
      }
      const balanced = result.models[column]?.clean?.balancedAccuracy;
      if (balanced !== undefined) {
        values.push({ arm, repetition, measure: "balanced accuracy", better: "higher", value: balanced });
      }
    }
  }
  return measuresOf(
    arms.map(({ name }) => name),
    repetitions.map(({ suffix }) => suffix),
    values,
    folds,
  );
}
