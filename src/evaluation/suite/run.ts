/** Runs the measurements of a suite that are missing. */
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
  /** SHA-256 over its weights and everything else that its outputs depend on. */
  readonly digest: string;
  readonly predictor: Predictor;
}

/** Models with the same image size, their images, and the conditions to measure. */
export interface Benchmark {
  readonly images: SuiteImages;
  readonly models: readonly SuiteModel[];
  readonly conditions: readonly Condition[];
}

/** The measurements of one model by condition id. */
export type Measurements = ReadonlyMap<string, Measurement>;

export interface SuiteProgress {
  /** Number of the current condition of a model, and of all. Those found on disk do not count. */
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
  /** Number of measurements made now, and of those found on disk. */
  readonly measured: number;
  readonly reused: number;
}

/**
 * Measures every condition of every model that is not in the store, and saves each measurement immediately. All models of a
 * benchmark classify the images of a condition together, so that the images are made only once.
 *
 * @throws what the predictors and readers throw; finished conditions are saved by then
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

/** The models that were not measured under a condition yet. Stored measurements are put into the results. */
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
