/** The images of one part of a set, as the source of a new set. */

import { createHash } from "node:crypto";
import { UsageError } from "../../errors.js";
import { centreCrop, defaultCropFraction, whole } from "../../images/crop.js";
import { decodeImage } from "../../images/decode.js";
import { type RawImage, resizeRegion } from "../../images/resize.js";
import type { Dataset } from "../datasets/dataset.js";
import { limitPrefix } from "../datasets/subset.js";
import type { Part } from "../folders/image-folder.js";
import { photosIn, recogniseFolder } from "../folders/recognise-folder.js";
import { readingFindings, refuseFolder } from "../inspection/check-structure.js";
import type { Finding } from "../inspection/findings.js";
import { inspectPhotos } from "../inspection/inspection.js";
import { LeftOutPhotos } from "../photos/bad-photos.js";
import { keepPhotos, limitStratified, photoSet } from "../photos/photo-set.js";
import { badPhotos, quickCheckPhotos } from "../photos/quick-check.js";
import { photoPath, readPhoto } from "../photos/read-photo.js";
import type { MadeFrom, SetManifest } from "./set-manifest.js";
import { uniquePaths } from "./unique-paths.js";

/** Where worker threads read the pixels: in shared memory, or in files. */
export type ImageSource =
  | { readonly kind: "memory"; readonly pixels: SharedArrayBuffer; readonly height: number; readonly width: number }
  | { readonly kind: "photos"; readonly paths: readonly string[]; readonly size: number | undefined };

export interface SourceImages {
  readonly name: string;
  readonly classes: readonly string[];
  readonly length: number;
  /** (N) */
  readonly labels: Int32Array;
  /** (N) identity of each image: the key of its random draws */
  readonly samples: Uint32Array;
  /** (N) CLASS/FILE of each image. For images in memory FILE is the number of the sample, without an extension. */
  readonly files: readonly string[];
  /** (N) key of each photo's contents, `photoKey`; undefined for images in memory. */
  readonly keys: readonly string[] | undefined;
  readonly source: ImageSource;
  /** Digest of the names and labels, and of pixels in memory. Equal digests mean equal sets. */
  readonly digest: string;
  /** Findings about how a folder of photos was read; empty for images in memory. */
  readonly findings: readonly Finding[];
}

export interface SourceOptions {
  readonly part: Part;
  /**
   * Resizes and crops photos to a square of this side, as for evaluation (see {@link defaultCropFraction}). By default no
   * change.
   */
  readonly imageSize?: number;
  /** Number of images to use: the first ones of a set in memory; of photos, a random draw by class and seed. */
  readonly limit?: number;
  /** The photos to use, relative to the folder; by default all of the part. For images in memory it has no meaning. */
  readonly only?: ReadonlySet<string>;
  readonly seed: number;
}

/**
 * Opens one part of CIFAR-10, CIFAR-100 or a folder of photos. A folder without parts counts as the requested part.
 *
 * @throws UsageError ERR_DATA_MISSING where the folder or the part does not exist
 * @throws UsageError ERR_DATA_LAYOUT where no layout is recognised, or several are
 * @throws UsageError ERR_DATA_CHECK where photos of the set cannot be read or named
 * @throws UsageError ERR_IMAGE_SIZE where the requested image size is not that of a set in memory
 * @throws UsageError ERR_BAD_IMAGES where photos cannot be decoded; the message lists all, since a set must not lack images
 */
export async function openSourceImages(path: string, options: SourceOptions): Promise<SourceImages> {
  const { part, imageSize, limit, only, seed } = options;
  const recognised = recogniseFolder(path, "openSourceImages");
  if (recognised.kind === "memory") {
    if (part === "validation") throw missing(path, part, "train, test");
    return sourceOfDataset(await recognised.set.load(part), options);
  }
  const folder = await photosIn(path, recognised, "openSourceImages");
  const findings = readingFindings(folder);
  refuseFolder(path, findings, "openSourceImages");
  const photos = folder.parts[folder.hasParts ? part : "train"];
  if (photos === undefined || photos.length === 0) throw missing(path, part, Object.keys(folder.parts).join(", "));
  const ofPart = photoSet(folder, photos, photos);
  const all = only === undefined ? ofPart : keepPhotos(ofPart, (file) => only.has(file));
  const set = limit === undefined ? all : limitStratified(all, limit, seed);
  const { classes, labels } = set;
  const inspections = await inspectPhotos(set.files.map((file) => photoPath(set.root, file)));
  new LeftOutPhotos(set.root, {}).addBefore(badPhotos(set.files, inspections));
  const checks = await quickCheckPhotos(set.root, set.files);
  const inClasses = set.files.map((file, i) => {
    const inPart = file.split("/").slice(folder.hasParts ? 1 : 0);
    // A photo that a label file lists is not in a folder of its class.
    return [classes[labels[i]], ...(inPart.length > 1 ? inPart.slice(1) : inPart)].join("/");
  });
  // Two folders whose names differ only in the form of an accent are one class.
  const files = uniquePaths(inClasses);
  return {
    ...set,
    files,
    keys: checks.map(({ key }) => key!), // every photo was decoded above
    source: { kind: "photos", paths: set.files.map((file) => photoPath(set.root, file)), size: imageSize },
    digest: digestOf(set, files),
    findings,
  };
}

/**
 * The images of a data set in memory.
 *
 * @throws UsageError ERR_IMAGE_SIZE where the requested image size is another one
 */
export function sourceOfDataset(dataset: Dataset, { imageSize, limit }: SourceOptions): SourceImages {
  const set = limit === undefined ? dataset : limitPrefix(dataset, limit);
  const { name, classes, length, height, width, labels, samples } = set;
  if (imageSize !== undefined && (imageSize !== height || imageSize !== width)) {
    throw new UsageError(
      "ERR_IMAGE_SIZE",
      `openSourceImages: the images of ${name} are ${width} x ${height} and are used as they are; got an image size of ` +
        `${imageSize}. Leave it out.`,
    );
  }
  const pixels = new SharedArrayBuffer(length * height * width * 3);
  const bytes = new Uint8Array(pixels);
  for (let i = 0; i < length; i++) bytes.set(set.pixels(i), i * height * width * 3);
  const files = Array.from(samples, (sample, i) => `${classes[labels[i]]}/${String(sample).padStart(5, "0")}`);
  const source = { kind: "memory", pixels, height, width } as const;
  const digest = digestOf(set, files, bytes);
  return { name, classes, length, labels, samples, files, keys: undefined, source, digest, findings: [] };
}

/** The keys of the photos for the manifest of the new set, by the paths of its files; undefined for images in memory. */
export const photosNote = ({ keys }: SourceImages, files: readonly string[]): SetManifest["photos"] =>
  keys && Object.fromEntries(files.map((file, i) => [file, keys[i]]));

/** The settings by which photos are resized, for the manifest of the new set; empty where they are not. */
export const squareNote = (source: ImageSource): MadeFrom =>
  source.kind === "photos" && source.size !== undefined ? { "crop fraction": defaultCropFraction(source.size) } : {};

/** One image of a source. Photos are resized with torchvision's defaults: bilinear, antialiased. */
export async function readSourceImage(source: ImageSource, index: number): Promise<RawImage> {
  if (source.kind === "memory") {
    const { pixels, height, width } = source;
    return { pixels: new Uint8Array(pixels, index * height * width * 3, height * width * 3), height, width };
  }
  const { paths, size } = source;
  const photo = await decodeImage(await readPhoto(paths[index]), paths[index]);
  if (size === undefined) return photo;
  const { width, height, window } = centreCrop(photo.width, photo.height, size, defaultCropFraction(size));
  const pixels = new Uint8Array(size * size * 3);
  resizeRegion(photo, whole(photo), { width, height }, "bilinear", pixels, window);
  return { pixels, height: size, width: size };
}

function digestOf(
  { classes, labels, samples }: { classes: readonly string[]; labels: Int32Array; samples: Uint32Array },
  files: readonly string[],
  pixels?: Uint8Array,
): string {
  const hash = createHash("sha256").update(JSON.stringify([classes, [...labels], [...samples], files]));
  if (pixels !== undefined) hash.update(pixels);
  return hash.digest("hex");
}

function missing(path: string, part: Part, parts: string): UsageError {
  return new UsageError(
    "ERR_DATA_MISSING",
    `openSourceImages: ${path} has no part ${part}; it has ${parts}. Choose one of them with \`split\`.`,
  );
}
