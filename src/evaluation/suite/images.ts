/** The images of a suite. They are read once for each condition and are always the same. */
import { createHash } from "node:crypto";
import type { PixelBatch } from "../../data/loading/batch.js";
import type { EvaluationImages } from "../../data/opened-data.js";
import { RunError } from "../../errors.js";
import { Purpose, permutation } from "../../random.js";
import { evaluationBatchSize } from "../predictor.js";

/** Images at the model's size, with their identities. */
export interface SuiteImages {
  readonly name: string;
  readonly classes: readonly string[];
  readonly imageSize: number;
  /** (N) */
  readonly labels: Int32Array;
  /** (N) identity of each image in the original set. */
  readonly samples: Uint32Array;
  /** SHA-256 over every pixel and label, since two sets with the same name can differ. */
  readonly digest: string;
  /** The images in order, or those at some ascending indices. */
  batches(indices?: ArrayLike<number>): AsyncIterable<PixelBatch>;
}

/**
 * Reads some images once to get their labels, identities and digest.
 *
 * @throws RunError ERR_DATA_MISSING there are no images
 */
export async function suiteImages(
  { name, classes, imageSize }: Pick<SuiteImages, "name" | "classes" | "imageSize">,
  images: EvaluationImages,
): Promise<SuiteImages> {
  const batchSize = evaluationBatchSize(imageSize);
  const hash = createHash("sha256").update(JSON.stringify([classes, imageSize]));
  const labels: number[] = [];
  const samples: number[] = [];
  for await (const batch of images.batches(batchSize)) {
    hash.update(batch.pixels).update(Uint8Array.from(new Uint8Array(Int32Array.from(batch.labels).buffer)));
    for (const label of batch.labels) labels.push(label);
    for (const sample of batch.samples) samples.push(sample);
  }
  if (labels.length === 0) throw new RunError("ERR_DATA_MISSING", `evaluate: ${name} has no image to measure.`);
  return {
    name,
    classes,
    imageSize,
    labels: Int32Array.from(labels),
    samples: Uint32Array.from(samples),
    digest: hash.digest("hex"),
    batches: (indices) => {
      const all = unchanged(images.batches(batchSize), labels.length, name);
      return indices === undefined ? all : imagesAt(all, indices, batchSize);
    },
  };
}

/**
 * Checks that the number of images is the same as in the first pass.
 *
 * @throws RunError ERR_DATA_CHANGED photos have disappeared since then
 */
async function* unchanged(batches: AsyncIterable<PixelBatch>, length: number, name: string): AsyncIterable<PixelBatch> {
  let count = 0;
  for await (const batch of batches) {
    count += batch.labels.length;
    yield batch;
  }
  if (count === length) return;
  throw new RunError(
    "ERR_DATA_CHANGED",
    `evaluate: ${name} had ${length} images and has ${count} now. Start the evaluation again.`,
  );
}

/** The same images with every image's pixels changed by a function of its identity. */
export async function* changed(
  batches: AsyncIterable<PixelBatch>,
  change: (pixels: Uint8Array, batch: PixelBatch, sample: number) => Uint8Array,
): AsyncIterable<PixelBatch> {
  for await (const batch of batches) {
    const size = batch.height * batch.width * 3;
    const pixels = new Uint8Array(batch.pixels.length);
    for (let i = 0; i < batch.labels.length; i++) {
      pixels.set(change(batch.pixels.subarray(i * size, (i + 1) * size), batch, batch.samples[i]), i * size);
    }
    yield { ...batch, pixels };
  }
}

/** Indices of `count` random images out of `length`, ascending, drawn by the seed; all where there are no more. */
export function drawIndices(length: number, count: number, seed: number): Uint32Array {
  return permutation(seed, Purpose.subset, 0, length).subarray(0, count).sort();
}

/** The images at some ascending indices, in batches of `batchSize`. */
export async function* imagesAt(
  batches: AsyncIterable<PixelBatch>,
  indices: ArrayLike<number>,
  batchSize: number,
): AsyncIterable<PixelBatch> {
  let first = 0; // index of the batch's first image
  let next = 0; // position in indices
  let held: PixelBatch[] = [];
  let count = 0;
  for await (const batch of batches) {
    for (; next < indices.length && indices[next] < first + batch.labels.length; next++) {
      held.push(imageAt(batch, indices[next] - first));
      if (++count === batchSize) {
        yield joined(held);
        held = [];
        count = 0;
      }
    }
    first += batch.labels.length;
    if (next === indices.length) break;
  }
  if (count > 0) yield joined(held);
}

/** A copy of one image of a batch, since readers reuse the memory of their batches. */
function imageAt({ pixels, labels, samples, height, width }: PixelBatch, i: number): PixelBatch {
  const size = height * width * 3;
  return {
    pixels: pixels.slice(i * size, (i + 1) * size),
    labels: labels.slice(i, i + 1),
    samples: samples.slice(i, i + 1),
    height,
    width,
  };
}

function joined(images: readonly PixelBatch[]): PixelBatch {
  const [{ pixels: one, height, width }] = images;
  const pixels = new Uint8Array(images.length * one.length);
  images.forEach((image, i) => {
    pixels.set(image.pixels, i * one.length);
  });
  return {
    pixels,
    labels: Int32Array.from(images, ({ labels }) => labels[0]),
    samples: Uint32Array.from(images, ({ samples }) => samples[0]),
    height,
    width,
  };
}
