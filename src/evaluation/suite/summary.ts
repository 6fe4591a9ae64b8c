/** The result of a suite as data: the contents of its JSON file, and the source of its report. */
import { SEVERITIES } from "../../corruptions/index.js";
import { areImagenetClasses } from "../classes/imagenet.js";
import type { CorruptionErrors } from "../corruption-error.js";
import { ALEXNET, type CorruptionReference, corruptionReference } from "../corruption-error.js";
import { bootstrapMeans, type Interval } from "../statistics/bootstrap.js";
import { type McNemar, mcNemar } from "../statistics/paired-tests.js";
import { type ClassSummary, classSummaries } from "./classes.js";
import { CLEAN, type Condition, corruptionId } from "./condition.js";
import { attackConditions, corruptionConditionsOf, corruptionErrors, type Measure, suiteMeasures } from "./measures.js";
import type { Benchmark, Measurements, SuiteModel } from "./run.js";

/** An {@link Interval} over `count` images. */
export interface MeasuredInterval extends Interval {
  readonly count: number;
}

export interface MeasureSummary {
  readonly name: string;
  readonly better: "higher" | "lower";
  /** By model; undefined where it was not measured. */
  readonly values: readonly (MeasuredInterval | undefined)[];
  /** From the first model to each other one; undefined for the first, and where the two were not measured on the same images. */
  readonly differences: readonly ((MeasuredInterval & { readonly mcNemar?: McNemar }) | undefined)[];
}

export interface ModelSummary {
  readonly name: string;
  readonly digest: string;
  readonly imageSize: number;
  /** Results on clean images; undefined without a clean condition. */
  readonly clean?: CleanSummary;
  /** Top-1 errors by corruption and severity for all fifteen corruptions; undefined where some were not measured. */
  readonly corruptionErrors?: CorruptionErrors;
  /** Top-1 errors of every measured corruption, including the extra ones; undefined for a severity that was not measured. */
  readonly errors: readonly { readonly corruption: string; readonly bySeverity: readonly (number | undefined)[] }[];
  /** Accuracy over epsilon by attack. Epsilon 0 means the attacked images without the attack. */
  readonly robustness: readonly {
    readonly attack: string;
    readonly access: string;
    readonly points: readonly { readonly epsilon: number; readonly accuracy: number }[];
  }[];
  /** Sorted by label. */
  readonly classes: readonly ClassSummary[];
}

export interface CleanSummary {
  readonly balancedAccuracy: number;
  readonly top5Accuracy: number;
  readonly ece: number;
  readonly nll: number;
  readonly brier: number;
}

/** All results of a suite. Accuracies and errors are fractions. */
export interface SuiteSummary {
  readonly schema: 1;
  readonly data: { readonly name: string; readonly images: number; readonly classes: number };
  /** The reference of the mCE; undefined where there is none. */
  readonly reference: string | undefined;
  /** Seed of the bootstrap and of every draw. */
  readonly seed: number;
  readonly models: readonly ModelSummary[];
  readonly measures: readonly MeasureSummary[];
}

/** The summary of one of the models, without measures that are relative to another model. */
export function summaryOf(summary: SuiteSummary, index: number): SuiteSummary {
  const absolute = summary.reference === ALEXNET.name;
  return {
    ...summary,
    reference: absolute ? summary.reference : undefined,
    models: [summary.models[index]],
    measures: summary.measures.flatMap(({ name, better, values }) =>
      values[index] === undefined || (!absolute && name.includes("reference: "))
        ? []
        : [{ name, better, values: [values[index]], differences: [undefined] }],
    ),
  };
}

/** A model with its benchmark and its measurements. */
export interface MeasuredModel {
  readonly model: SuiteModel;
  readonly benchmark: Benchmark;
  readonly measurements: Measurements;
}

/**
 * Summarises the measurements of some models.
 *
 * The reference of the mCE is AlexNet where the classes are ImageNet's 1000. Otherwise it is the first of several models.
 * There is no mCE for a single model, or where the reference has no error under some corruption.
 */
export function summarise(models: readonly MeasuredModel[], seed: number): SuiteSummary {
  const [first] = models;
  const { name, classes, labels } = first.benchmark.images;
  const reference = referenceOf(models);
  const conditions = distinctConditions(models);
  return {
    schema: 1,
    data: { name, images: labels.length, classes: classes.length },
    reference: reference?.name,
    seed,
    models: models.map(modelSummary),
    measures: summariseMeasures(models, suiteMeasures(conditions, reference), seed),
  };
}

function referenceOf(models: readonly MeasuredModel[]): CorruptionReference | undefined {
  const [{ model, benchmark, measurements }] = models;
  if (areImagenetClasses(benchmark.images.classes)) return ALEXNET;
  const errors = corruptionErrors(measurements);
  if (models.length === 1 || errors === undefined) return undefined;
  const cleanError = 1 - (measurements.get(CLEAN)?.accuracy ?? Number.NaN); // for a relative mCE, which needs AlexNet as the reference
  const reference = corruptionReference(model.name, errors, cleanError);
  return Object.values(reference.errors).every((error) => error > 0) ? reference : undefined;
}

/** The different conditions of all benchmarks. */
function distinctConditions(models: readonly Pick<MeasuredModel, "benchmark">[]): Condition[] {
  return [
    ...new Map(
      models.flatMap(({ benchmark }) => benchmark.conditions.map((condition) => [condition.id, condition] as const)),
    ).values(),
  ];
}

/** Intervals of all models and differences. Those with the same number of images share their resamples. */
function summariseMeasures(
  models: readonly MeasuredModel[],
  measures: readonly Measure[],
  seed: number,
): MeasureSummary[] {
  const columns = measures.map((measure) => {
    const values = models.map(({ measurements }) => measure.values(measurements));
    const differences = models.map((one, m) => {
      const [a, b] = [values[0], values[m]];
      if (m === 0 || a === undefined || b === undefined || !sameImages(models[0], one)) return undefined;
      return Float64Array.from(a, (value, i) => b[i] - value);
    });
    return { measure, values, differences };
  });
  const intervals = intervalsOf(
    columns.flatMap(({ values, differences }) => [...values, ...differences]).filter((column) => column !== undefined),
    seed,
  );
  return columns
    .filter(({ values }) => values.some((column) => column !== undefined))
    .map(({ measure: { name, better, binary }, values, differences }) => ({
      name,
      better,
      values: values.map((column) => column && intervals.get(column)),
      differences: differences.map((column, m) => {
        const interval = column && intervals.get(column);
        if (interval === undefined) return undefined;
        return binary ? { ...interval, mcNemar: mcNemar(values[0]!, values[m]!) } : interval;
      }),
    }));
}

const sameImages = (a: MeasuredModel, b: MeasuredModel): boolean => {
  const [one, other] = [a.benchmark.images, b.benchmark.images];
  return one.samples.join() === other.samples.join() && one.labels.join() === other.labels.join();
};

function intervalsOf(columns: readonly Float64Array[], seed: number): Map<Float64Array, MeasuredInterval> {
  const intervals = new Map<Float64Array, MeasuredInterval>();
  for (const count of new Set(columns.map(({ length }) => length))) {
    const group = columns.filter(({ length }) => length === count);
    bootstrapMeans(group, seed).forEach((interval, i) => {
      intervals.set(group[i], { ...interval, count });
    });
  }
  return intervals;
}

function modelSummary({ model, benchmark, measurements }: MeasuredModel): ModelSummary {
  const classes = classSummaries(benchmark, measurements);
  const attacks = attackConditions(benchmark.conditions).filter(({ id }) => measurements.has(id));
  const kinds = [
    ...new Map(attacks.map(({ attack }) => [`${attack.name} ${attack.access}`, attack] as const)).values(),
  ];
  return {
    name: model.name,
    digest: model.digest,
    imageSize: benchmark.images.imageSize,
    clean: cleanSummary(classes, measurements),
    corruptionErrors: corruptionErrors(measurements),
    errors: errorsByCorruption(benchmark.conditions, measurements),
    robustness: kinds.map(({ name, access }) => {
      const own = attacks.filter(({ attack }) => attack.name === name && attack.access === access);
      const { right } = measurements.get(CLEAN)!;
      const clean = Array.from(own[0].indices ?? right.keys(), (index) => right[index]);
      const points = own.map(({ id, attack }) => ({
        epsilon: attack.epsilon,
        accuracy: measurements.get(id)!.accuracy,
      }));
      const unattacked = { epsilon: 0, accuracy: clean.reduce((a, b) => a + b, 0) / clean.length };
      return { attack: name, access, points: [unattacked, ...points] };
    }),
    classes,
  };
}

function cleanSummary(classes: readonly ClassSummary[], measurements: Measurements): CleanSummary | undefined {
  const clean = measurements.get(CLEAN);
  if (clean === undefined) return undefined;
  const { top5, ece, nll, brier } = clean;
  const present = classes.filter(({ count }) => count > 0);
  const balancedAccuracy = present.reduce((total, { accuracy }) => total + accuracy!, 0) / present.length;
  return { balancedAccuracy, top5Accuracy: top5, ece, nll, brier };
}

function errorsByCorruption(conditions: readonly Condition[], measurements: Measurements): ModelSummary["errors"] {
  const found = corruptionConditionsOf(conditions).filter(({ id }) => measurements.has(id));
  return [...new Set(found.map(({ corruption }) => corruption.name))].map((name) => ({
    corruption: name,
    bySeverity: SEVERITIES.map((severity) => {
      const condition = measurements.get(corruptionId(name, severity));
      return condition && 1 - condition.accuracy;
    }),
  }));
}
