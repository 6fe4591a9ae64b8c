/** Measurements of conditions on disk, so that an interrupted evaluation can be resumed. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "../../errors.js";
import { checkWritable, makeFolder, removeTemporaryFiles, writeFileAtomic } from "../../runs/atomic-file.js";
import { calibrationOf, topAccuracy } from "../calibration.js";
import type { Predictions } from "../predictions.js";

/** Raise this whenever conditions are measured in another way, so that older measurements are not reused. */
const SCHEMA = 1;

/** The results of one model under one condition. */
export interface Measurement {
  /** (N) class predicted for each image of the condition, -1 for none. */
  readonly predicted: Int32Array;
  /** (N) nonzero where the prediction is right. */
  readonly right: Uint8Array;
  readonly accuracy: number;
  readonly top5: number;
  readonly ece: number;
  readonly nll: number;
  readonly brier: number;
}

/** Everything that a measurement depends on. */
export interface MeasurementKey {
  /** SHA-256 over the weights of the model and everything else that its outputs depend on. */
  readonly model: string;
  /** SHA-256 of the images. */
  readonly images: string;
  readonly condition: string;
  readonly protocol: Readonly<Record<string, unknown>>;
}

/** The measurement of some predictions. */
export function measurementOf(predictions: Predictions): Measurement {
  const { labels, predicted } = predictions;
  const right = Uint8Array.from(labels, (label, i) => Number(predicted[i] === label));
  const accuracy = right.reduce((total, one) => total + one, 0) / right.length;
  return { predicted, right, accuracy, top5: topAccuracy(predictions, 5), ...calibrationOf(predictions) };
}

/**
 * A folder with a file for each condition and model. A file is written once, when it is complete. Files of other models,
 * images or protocols can be in the same folder and are not touched.
 */
export class MeasurementStore {
  /** @throws RunError ERR_WRITE where the folder cannot be made, or no file in it */
  constructor(readonly folder: string) {
    makeFolder(folder);
    removeTemporaryFiles(folder);
    checkWritable(folder);
  }

  /**
   * The measurement of a key, if there is one.
   *
   * @throws RunError ERR_RUN_FILE where its file is damaged
   */
  read(key: MeasurementKey): Measurement | undefined {
    const path = this.#path(key);
    if (!existsSync(path)) return undefined;
    try {
      // JSON has no NaN, which a model can have that gives no finite numbers: it is null there.
      const { predicted, right, accuracy, top5, ece, nll, brier } = JSON.parse(
        readFileSync(path, "utf8"),
        (_, value) => (value === null ? Number.NaN : value),
      );
      return {
        predicted: new Int32Array(new Uint8Array(Buffer.from(predicted, "base64")).buffer),
        right: new Uint8Array(Buffer.from(right, "base64")),
        ...{ accuracy, top5, ece, nll, brier },
      };
    } catch (cause) {
      throw new RunError(
        "ERR_RUN_FILE",
        `${path} is damaged: ${(cause as Error).message}. Remove it, so that its condition is measured again.`,
        {
          cause,
        },
      );
    }
  }

  /** @throws RunError ERR_WRITE */
  write(key: MeasurementKey, { predicted, right, ...numbers }: Measurement): void {
    const base64 = ({ buffer, byteOffset, byteLength }: Int32Array | Uint8Array) =>
      Buffer.from(buffer, byteOffset, byteLength).toString("base64");
    const file = { schema: SCHEMA, ...key, ...numbers, right: base64(right), predicted: base64(predicted) };
    writeFileAtomic(this.#path(key), `${JSON.stringify(file)}\n`);
  }

  #path({ model, images, condition, protocol }: MeasurementKey): string {
    const digest = createHash("sha256")
      .update(JSON.stringify([SCHEMA, model, images, condition, protocol]))
      .digest("hex");
    return join(this.folder, `${condition.replaceAll("/", "-")}-${digest.slice(0, 16)}.json`);
  }
}
