/** Measures what is not yet measured. */
import { createHash } from "node:crypto";
import type { PixelBatch } from "../../data/loading/batch.js";
import { predictAll } from "../predictions.js";
import type { Predictor } from "../predictor.js";
import type { Condition } from "./condition.js";
import type { SuiteImages } from "./images.js";
import { type Measurement, type MeasurementKey, type MeasurementStore, measurementOf } from "./measurement-store.js";

/** A model to be measured. */
export interface SuiteModel {
  readonly name: string;
  /** SHA-256 of its weights and of what decides its answers beside them. */
  readonly digest: string;
  readonly predictor: Predictor;
}

/** Models that take images of one size, those images, and what to measure on them. */
export interface Benchmark {
  readonly images: SuiteImages;
  readonly models: readonly SuiteModel[];
  readonly conditions: readonly Condition[];
}

/** The measurements of one model by the ids of the conditions. */
export type Measurements = ReadonlyMap<string, Measurement>;

export interface SuiteProgress {
  /** Conditions of a model that are measured or being measured, and in all; those found on disk do not count. */
  readonly condition: number;
  readonly conditions: number;
  readonly id: string;
  readonly done: number;
  readonly images: number;
  /** Share of the whole work, by passes through a network. */
  readonly share: number;
}

export interface SuiteOutcome {
  readonly results: ReadonlyMap<SuiteModel, Measurements>;
  /** Conditions of a model that were measured now, and that were found on disk. */
  readonly measured: number;
  readonly reused: number;
}

/**
 * Measures every condition of every model that the store does not hold, and saves each as soon as it is there. Models of a
 * benchmark see the images of a condition together, so that they are made once.
 *
 * @throws what the predictors and readers throw; conditions that are done are saved by then
 */
export async function runSuite(
  benchmarks: readonly Benchmark[],
  store: MeasurementStore,
  onProgress: (progress: SuiteProgress) => void = () => {},
): Promise<SuiteOutcome> {
  const results = new Map<SuiteModel, Map<string, Measurement>>();
  const work = benchmarks.flatMap((benchmark) =>
    benchmark.conditions.flatMap((condition) => missing(benchmark, condition, store, results)),
  );
  const reused = [...results.values()].reduce((total, { size }) => total + size, 0);
  const units = ({ condition, images, models }: Work) => models.length * condition.passes * images;
  const total = work.reduce((sum, one) => sum + units(one), 0);
  const conditions = work.reduce((sum, { models }) => sum + models.length, 0);
  let before = 0;
  let measured = 0;
  for (const one of work) {
    const { condition, models, images } = one;
    measured += models.length;
    const report = (done: number) => {
      const share = (before + (units(one) * done) / images) / total;
      onProgress({ condition: measured, conditions, id: condition.id, done, images, share });
    };
    report(0);
    const predictions = await predictAll(
      models.map(({ predictor }) => predictor),
      condition.batches(),
      report,
    );
    models.forEach(({ model, key }, i) => {
      const measurement = measurementOf(predictions[i]);
      store.write(key, measurement);
      results.get(model)!.set(condition.id, measurement);
    });
    before += units(one);
  }
  return { results, measured, reused };
}

interface Work {
  readonly condition: Condition;
  readonly images: number;
  readonly models: readonly {
    readonly model: SuiteModel;
    readonly predictor: Predictor<PixelBatch>;
    readonly key: MeasurementKey;
  }[];
}

/** The models that a condition is still to be measured of; what is there goes into the results. */
function missing(
  { images, models }: Benchmark,
  condition: Condition,
  store: MeasurementStore,
  results: Map<SuiteModel, Map<string, Measurement>>,
): Work[] {
  const count = condition.indices?.length ?? images.labels.length;
  const unmeasured = models.flatMap((model) => {
    const own = results.get(model) ?? new Map<string, Measurement>();
    results.set(model, own);
    const predictor = condition.predictorFor(model.predictor);
    if (predictor === undefined) return [];
    const { indices } = condition;
    const drawn = indices && createHash("sha256").update(Uint32Array.from(indices).join()).digest("hex");
    const protocol = drawn === undefined ? condition.protocol : { ...condition.protocol, drawn };
    const key: MeasurementKey = { model: model.digest, images: images.digest, condition: condition.id, protocol };
    const found = store.read(key);
    if (found !== undefined) own.set(condition.id, found);
    return found === undefined ? [{ model, predictor, key }] : [];
  });
  return unmeasured.length === 0 ? [] : [{ condition, images: count, models: unmeasured }];
}
