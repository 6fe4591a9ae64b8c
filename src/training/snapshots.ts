/** Pictures of a run: after each epoch the same images, their perturbations and their adversarial versions. */
import { join } from "node:path";
import type { Attack } from "../attacks/attack.js";
import type { PixelBatch } from "../data/loading/batch.js";
import { gridPng } from "../figures/grid.js";
import type { Classifier } from "../models/classifier.js";
import { imagesFromPixels } from "../models/pixels.js";
import { ATTACK, EVAL, MAIN_ROUTE } from "../nn/context.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { writeJson } from "../runs/run-directory.js";
import { RUN_SCHEMA, type SnapshotFile, type SnapshotPrediction } from "../runs/schema.js";
import { scope, type Tensor } from "../tensor/index.js";
import { add, cast, clamp, mul, permute, sub } from "../tensor/operators.js";
import { batchFromPixels } from "./methods/step.js";

/** The images to attack, and the attack. */
export interface SnapshotAttack {
  readonly model: Classifier;
  readonly attack: Attack;
  readonly route: string;
  /** The change of a pixel that is drawn as black or white. */
  readonly fullRange: number;
  readonly seed: number;
  /** The images to attack, not augmented. */
  readonly pixels: PixelBatch;
}

/**
 * The images, their perturbations and their adversarial versions, each as N arrays of uint8 HWC. In a perturbation grey is no change,
 * and black and white are changes of `fullRange`.
 */
export function attackImages({ model, attack, route, fullRange, seed, pixels }: SnapshotAttack): Uint8Array[][] {
  return scope(() => {
    const { images, labels, keys } = batchFromPixels(pixels, { seed, epoch: 0 }, model.device);
    const logits = (x: Tensor) => model.forward(x, { ...ATTACK, route });
    const adversarial = attack.perturb(logits, images, labels, keys);
    const magnified = add(mul(sub(adversarial, images), 0.5 / fullRange), 0.5);
    return [images, magnified, adversarial].map((batch) => toBytes(batch, pixels.height));
  });
}

/**
 * Writes a picture such as `epoch-0001.png` into the run's folder of images, with one row for each list of {@link attackImages}. A JSON
 * file beside it has the network's predictions for the images.
 *
 * @returns the name of the picture
 */
export async function writeSnapshot(images: SnapshotAttack, folder: string, epoch: number): Promise<string> {
  const { model, route, pixels } = images;
  const side = pixels.height;
  const name = `epoch-${String(epoch + 1).padStart(4, "0")}`;
  const rows = attackImages(images);
  const [clean, adversarial] = [rows[0], rows[2]].map((row) => predictionsOf(model, row, side));
  const labels = Array.from(pixels.labels, (label) => model.specification.classes[label]);
  const predictions: SnapshotFile = {
    schema: RUN_SCHEMA,
    epoch,
    route,
    images: labels.map((label, i) => ({ label, clean: clean[i], adversarial: adversarial[i] })),
  };
  writeFileAtomic(join(folder, `${name}.png`), await gridPng(rows, side, side <= 64 ? 3 : 1));
  writeJson(join(folder, `${name}.json`), predictions);
  return `${name}.png`;
}

/** For each image the most probable class through each route. */
function predictionsOf(
  model: Classifier,
  images: readonly Uint8Array[],
  side: number,
): Record<string, SnapshotPrediction>[] {
  const { classes, routes } = model.specification;
  const pixels = { pixels: Buffer.concat(images), height: side, width: side };
  const logits = scope(() => {
    const batch = imagesFromPixels(pixels, "float32", model.device);
    const through = (route: string) => model.forward(batch, { ...EVAL, route }).toArray() as Float32Array;
    return [MAIN_ROUTE, ...routes].map((route) => [route, through(route)] as const);
  });
  return images.map((_, i) =>
    Object.fromEntries(
      logits.map(([route, all]) => [
        route,
        mostProbableClass(classes, all.subarray(i * classes.length, (i + 1) * classes.length)),
      ]),
    ),
  );
}

/** The class with the largest logit, and its softmax; no class if a logit is NaN. */
function mostProbableClass(classes: readonly string[], logits: Float32Array): SnapshotPrediction {
  const most = Math.max(...logits);
  if (!Number.isFinite(most)) return { class: "", probability: 0 };
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
  return { class: classes[logits.indexOf(most)], probability: 1 / total };
}

/** Turns [N, 3, H, W] in [0, 1] into N arrays of uint8 HWC. */
function toBytes(images: Tensor, side: number): Uint8Array[] {
  const bytes = cast(permute(add(mul(clamp(images, 0, 1), 255), 0.5), [0, 2, 3, 1]), "uint8").toArray() as Uint8Array;
  const size = side * side * 3;
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
