/** Labelled images in memory as 8-bit pixels: every reader returns them and every loader takes them. */

import { UsageError } from "../../errors.js";

/** A part of a data set as its authors split it. The validation part is split off `train`. */
export type Split = "train" | "test";

/** Labelled images of one size, 8-bit RGB. */
export interface Dataset {
  readonly name: string;
  /** Name of each class; a label is an index into it. */
  readonly classes: readonly string[];
  readonly length: number;
  readonly height: number;
  readonly width: number;
  /** (N) labels in [0, classes.length). Must not be written. */
  readonly labels: Int32Array;
  /** (N) identity of each sample in the original set: the key of its random draws, unchanged by subsets. */
  readonly samples: Uint32Array;
  /** The image at `index` as uint8 HWC RGB, height * width * 3 bytes: a view that must not be written. */
  pixels(index: number): Uint8Array;
}

/** What an {@link InMemoryDataset} is made of. */
export interface InMemoryContents {
  readonly name: string;
  readonly classes: readonly string[];
  readonly height: number;
  readonly width: number;
  /** (N) in [0, classes.length) */
  readonly labels: Int32Array;
  /** (N, H, W, 3) uint8 */
  readonly pixels: Uint8Array;
}

/** A data set whose pixels are one array. Sample i has the identity i. */
export class InMemoryDataset implements Dataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly length: number;
  readonly height: number;
  readonly width: number;
  readonly labels: Int32Array;
  readonly samples: Uint32Array;
  readonly #pixels: Uint8Array;
  readonly #imageBytes: number;

  /**
   * Keeps the arrays without copying them.
   *
   * @throws UsageError ERR_DATA_SHAPE where the pixels are not N * height * width * 3 bytes
   * @throws UsageError ERR_DATA_LABEL where a label is outside [0, classes.length)
   */
  constructor({ name, classes, height, width, labels, pixels }: InMemoryContents) {
    const imageBytes = height * width * 3;
    if (pixels.length !== labels.length * imageBytes) {
      throw new UsageError(
        "ERR_DATA_SHAPE",
        `InMemoryDataset: ${labels.length} RGB images of ${height} x ${width} need ${labels.length * imageBytes} bytes of ` +
          `pixels (N, H, W, 3); got ${pixels.length}.`,
      );
    }
    const wrong = labels.findIndex((label) => label < 0 || label >= classes.length);
    if (wrong >= 0) {
      throw new UsageError(
        "ERR_DATA_LABEL",
        `InMemoryDataset: labels must be in [0, ${classes.length - 1}], one per class name; got ${labels[wrong]} at index ${wrong}.`,
      );
    }
    this.name = name;
    this.classes = classes;
    this.length = labels.length;
    this.height = height;
    this.width = width;
    this.labels = labels;
    this.samples = Uint32Array.from({ length: labels.length }, (_, i) => i);
    this.#pixels = pixels;
    this.#imageBytes = imageBytes;
  }

  pixels(index: number): Uint8Array {
    return this.#pixels.subarray(index * this.#imageBytes, (index + 1) * this.#imageBytes);
  }
}
