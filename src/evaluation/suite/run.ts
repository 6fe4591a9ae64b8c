/** Measures what is not yet measured. */
import { createHash } from "node:crypto";
import type { PixelBatch } from "../../data/loading/batch.js";
import { predictAll } from "../predictions.js";
import type { Predictor } from "../predictor.js";
import type { Cell } from "./cell.js";
import { type CellKey, type CellStore, type Measurement, measurementOf } from "./cell-store.js";
import type { SuiteImages } from "./images.js";

/** A model to be measured. */
export interface SuiteModel {
  readonly name: string;
  /** SHA-256 of its weights and of how it is asked. */
  readonly digest: string;
  readonly predictor: Predictor;
}

/** Models that take images of one size, those images, and what to measure on them. */
export interface Panel {
  readonly images: SuiteImages;
  readonly models: readonly SuiteModel[];
  readonly cells: readonly Cell[];
}

/** The measurements of one model by the ids of the cells. */
export type Measurements = ReadonlyMap<string, Measurement>;

export interface SuiteProgress {
  /** Cells of a model that are measured or being measured, and in all; those found on disk do not count. */
  readonly cell: number;
  readonly cells: number;
  readonly id: string;
  readonly done: number;
  readonly images: number;
  /** Share of the whole work, by passes through a network. */
  readonly share: number;
}

export interface SuiteOutcome {
  readonly results: ReadonlyMap<SuiteModel, Measurements>;
  /** Cells of a model that were measured now, and that were found on disk. */
  readonly measured: number;
  readonly reused: number;
}

/**
 * Measures every cell of every model that the store does not hold, and saves each as soon as it is there. Models of a
 * panel see the images of a cell together, so that they are made once.
 *
 * @throws what the predictors and readers throw; cells that are done are saved by then
 */
export async function runSuite(
  panels: readonly Panel[],
  store: CellStore,
  onProgress: (progress: SuiteProgress) => void = () => {},
): Promise<SuiteOutcome> {
  const results = new Map<SuiteModel, Map<string, Measurement>>();
  const work = panels.flatMap((panel) => panel.cells.flatMap((cell) => missing(panel, cell, store, results)));
  const reused = [...results.values()].reduce((total, { size }) => total + size, 0);
  const units = ({ cell, images, asked }: Work) => asked.length * cell.passes * images;
  const total = work.reduce((sum, one) => sum + units(one), 0);
  const cells = work.reduce((sum, { asked }) => sum + asked.length, 0);
  let before = 0;
  let measured = 0;
  for (const one of work) {
    const { cell, asked, images } = one;
    measured += asked.length;
    const report = (done: number) => {
      const share = (before + (units(one) * done) / images) / total;
      onProgress({ cell: measured, cells, id: cell.id, done, images, share });
    };
    report(0);
    const predictions = await predictAll(
      asked.map(({ predictor }) => predictor),
      cell.batches(),
      report,
    );
    asked.forEach(({ model, key }, i) => {
      const measurement = measurementOf(predictions[i]);
      store.write(key, measurement);
      results.get(model)!.set(cell.id, measurement);
    });
    before += units(one);
  }
  return { results, measured, reused };
}

interface Work {
  readonly cell: Cell;
  readonly images: number;
  readonly asked: readonly {
    readonly model: SuiteModel;
    readonly predictor: Predictor<PixelBatch>;
    readonly key: CellKey;
  }[];
}

/** The models that a cell is still to be measured of; what is there goes into the results. */
function missing(
  { images, models }: Panel,
  cell: Cell,
  store: CellStore,
  results: Map<SuiteModel, Map<string, Measurement>>,
): Work[] {
  const count = cell.places?.length ?? images.labels.length;
  const asked = models.flatMap((model) => {
    const own = results.get(model) ?? new Map<string, Measurement>();
    results.set(model, own);
    const predictor = cell.asked(model.predictor);
    if (predictor === undefined) return [];
    const { places } = cell;
    const drawn = places && createHash("sha256").update(Uint32Array.from(places).join()).digest("hex");
    const protocol = drawn === undefined ? cell.protocol : { ...cell.protocol, drawn };
    const key: CellKey = { model: model.digest, images: images.digest, cell: cell.id, protocol };
    const found = store.read(key);
    if (found !== undefined) own.set(cell.id, found);
    return found === undefined ? [{ model, predictor, key }] : [];
  });
  return asked.length === 0 ? [] : [{ cell, images: count, asked }];
}
