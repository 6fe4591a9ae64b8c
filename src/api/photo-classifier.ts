/** One photo classified: what a program that uses a trained classifier calls. */
import { readFile } from "node:fs/promises";
import type { Pixels } from "../data/loader.js";
import { RunError, UsageError } from "../errors.js";
import { cutCentre } from "../images/centre-cut.js";
import { centreCrop, whole } from "../images/crop.js";
import { cutImage, imageSize } from "../images/cut.js";
import type { RawImage } from "../images/resize.js";
import { type OpenPredictorOptions, openPredictor } from "../predictors/open.js";
import type { OpenedPredictor } from "../predictors/opened.js";

/** A class with the probability that the classifier gives it. */
export interface Prediction {
  readonly class: string;
  /** In [0, 1]; over all classes they sum to 1. */
  readonly probability: number;
}

/** A photo: the path of its file, the bytes of such a file, or RGB pixels (height, width, 3) of any size. */
export type Photo = string | Uint8Array | RawImage;

export interface PhotoClassifier {
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Side in pixels of the square that the network sees. */
  readonly imageSize: number;
  /**
   * Classifies a photo: upright by its EXIF orientation, as 8-bit sRGB on white, resized and cut by the classifier's own
   * rule.
   *
   * @param options.top classes that are returned; by default 5, or all where there are fewer
   * @returns the most probable classes, the most probable first
   * @throws RunError ERR_IMAGE the photo cannot be read or decoded; UsageError ERR_PHOTO its pixels are not (height, width, 3);
   *   UsageError ERR_TOP `top` is not a positive integer; UsageError ERR_CLOSED the classifier was closed
   */
  classify(photo: Photo, options?: { readonly top?: number }): Promise<Prediction[]>;
  /** Frees its memory; it answers no more. */
  close(): Promise<void>;
}

/**
 * Opens a classifier: a run's folder, a weights file, or an ONNX file, for which libtorch is not needed.
 *
 * @throws what {@link openPredictor} throws
 */
export async function openClassifier(model: string, options: OpenPredictorOptions = {}): Promise<PhotoClassifier> {
  const predictor = await openPredictor(model, options);
  const { classes, imageSize: size } = predictor;
  let open = true;
  return {
    classes,
    imageSize: size,
    async classify(photo, { top = Math.min(5, classes.length) } = {}) {
      if (!open) throw new UsageError("ERR_CLOSED", "classify: the classifier was closed. Open it again");
      if (!Number.isInteger(top) || top < 1) {
        throw new UsageError("ERR_TOP", `classify: top must be a positive integer; got ${top}`);
      }
      const logits = await predictor.logits(await squareOf(photo, predictor));
      return softmax(logits)
        .map((probability, k) => ({ class: classes[k], probability }))
        .sort((a, b) => b.probability - a.probability)
        .slice(0, top);
    },
    async close() {
      if (open) await predictor.close();
      open = false;
    },
  };
}

/** What the network sees of a photo. */
async function squareOf(photo: Photo, { imageSize: size, view }: OpenedPredictor): Promise<Pixels> {
  const pixels = new Uint8Array(size * size * 3);
  if (typeof photo === "string" || photo instanceof Uint8Array) {
    const [bytes, name] = typeof photo === "string" ? [await bytesOf(photo), photo] : [photo, "the photo"];
    await cutCentre(bytes, name, await imageSize(bytes, name), { size, ...view }, pixels);
  } else {
    checkPixels(photo);
    const { width, height, window } = centreCrop(photo.width, photo.height, size, view.cropFraction);
    const cut = { region: whole(photo), size: { width, height }, window, interpolation: view.interpolation };
    cutImage(photo, cut, pixels);
  }
  return { pixels, height: size, width: size };
}

async function bytesOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new RunError("ERR_IMAGE", `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function checkPixels({ pixels, height, width }: RawImage): void {
  if (height >= 1 && width >= 1 && pixels.length === height * width * 3) return;
  throw new UsageError(
    "ERR_PHOTO",
    `classify: pixels must be (height, width, 3) bytes; got ${pixels.length} for ${height} x ${width}`,
  );
}

function softmax(logits: Float32Array): number[] {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
