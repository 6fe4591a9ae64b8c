/** Prepares photos for a classifier in batches. Worker threads read files; other photos are decoded here. */
import { readFile } from "node:fs/promises";
import type { Pixels } from "../data/loading/batch.js";
import { LeftOutPhotos } from "../data/photos/bad-photos.js";
import { evaluationPhotos } from "../data/photos/photo-loader.js";
import { unreadable } from "../data/photos/read-photo.js";
import { AdvPropError, UsageError } from "../errors.js";
import type { EvaluationView } from "../evaluation/view.js";
import { cutCentre } from "../images/centre-cut.js";
import { centreCrop, whole } from "../images/crop.js";
import { cutImage, imageSize } from "../images/cut.js";
import { ImageError } from "../images/decode.js";
import type { RawImage } from "../images/resize.js";

/** A photo: the path of its file, the bytes of such a file, or RGB pixels (height, width, 3) of any size. */
export type Photo = string | Uint8Array | RawImage;

/** How photos become square images. */
export interface Squares {
  /** Side in pixels. */
  readonly size: number;
  readonly view: EvaluationView;
}

/** A batch of photos of a list. */
export interface PhotoBatch extends Pixels {
  /** (N) indices in the list of the photos that were read. */
  readonly indices: readonly number[];
  /** Photos before the next batch that could not be read. */
  readonly bad: readonly { readonly index: number; readonly reason: string }[];
}

/** The square of a photo that the network classifies. @throws RunError ERR_IMAGE, UsageError ERR_PHOTO */
export async function squareOf(photo: Photo, { size, view }: Squares): Promise<Pixels> {
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
    throw new ImageError(file, unreadable(cause), { cause });
  }
}

function checkPixels(photo: RawImage): void {
  if (photo?.pixels === undefined) {
    const got = (photo as unknown) instanceof URL ? "a URL" : photo === null ? "null" : typeof photo;
    throw new UsageError(
      "ERR_PHOTO",
      `classify: a photo must be the path of a file, its bytes as a Uint8Array, or { pixels, height, width }; got ${got}`,
    );
  }
  const { pixels, height, width } = photo;
  if (height >= 1 && width >= 1 && pixels.length === height * width * 3) return;
  throw new UsageError(
    "ERR_PHOTO",
    `classify: pixels must be (height, width, 3) bytes; got ${pixels.length} for ${height} x ${width}`,
  );
}

/**
 * All photos of a list in order. Photos that cannot be read are reported in `bad`.
 *
 * @param workers threads that read files; by default one per core, at most four unless UV_THREADPOOL_SIZE is set
 */
export function photoBatches(
  photos: readonly Photo[],
  squares: Squares,
  options: { readonly batchSize: number; readonly workers?: number },
): AsyncGenerator<PhotoBatch> {
  const files = photos.filter((photo) => typeof photo === "string");
  return files.length === photos.length && photos.length > 1
    ? fileBatches(files, squares, options)
    : ownBatches(photos, squares, options.batchSize);
}

async function* fileBatches(
  files: readonly string[],
  { size, view }: Squares,
  { batchSize, workers }: { batchSize: number; workers?: number },
): AsyncGenerator<PhotoBatch> {
  const { length } = files;
  const samples = Uint32Array.from({ length }, (_, index) => index);
  // The root is empty, so that paths stay relative to the working folder.
  const set = { name: "the photos", classes: [], length, root: "", files, labels: new Int32Array(length), samples };
  const leftOut = new LeftOutPhotos("", { onBadImage: "skip" });
  const reader = evaluationPhotos(set, { batchSize, size, ...view, workers, leftOut });
  let next = 0;
  /** The unreadable photos before an index. */
  const badBefore = (end: number, come: ReadonlySet<number>) => {
    const indices = Array.from({ length: end - next }, (_, i) => next + i).filter((index) => !come.has(index));
    next = end;
    if (indices.length === 0) return [];
    const reasons = new Map(leftOut.photos.map(({ file, reason }) => [file, reason]));
    return indices.map((index) => ({ index, reason: reasons.get(files[index]) ?? "it was not read" }));
  };
  try {
    for await (const { pixels, height, width, samples: read } of reader) {
      const indices = Array.from(read);
      const bad = badBefore(indices[indices.length - 1] + 1, new Set(indices));
      yield { pixels, height, width, indices, bad };
    }
  } catch (error) {
    // If no photo can be read, each gets its own reason instead of a common error.
    if (!(error instanceof AdvPropError && error.code === "ERR_BAD_IMAGES")) throw error;
  } finally {
    await reader.close();
  }
  const bad = badBefore(length, new Set());
  if (bad.length > 0) yield { pixels: new Uint8Array(0), height: size, width: size, indices: [], bad };
}

async function* ownBatches(photos: readonly Photo[], squares: Squares, batchSize: number): AsyncGenerator<PhotoBatch> {
  const { size } = squares;
  for (let first = 0; first < photos.length; first += batchSize) {
    const indices: number[] = [];
    const bad: { index: number; reason: string }[] = [];
    const pixels: Uint8Array[] = [];
    for (let index = first; index < Math.min(first + batchSize, photos.length); index++) {
      try {
        pixels.push((await squareOf(photos[index], squares)).pixels);
        indices.push(index);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        bad.push({ index, reason: error.reason });
      }
    }
    yield { pixels: Buffer.concat(pixels), height: size, width: size, indices, bad };
  }
}
