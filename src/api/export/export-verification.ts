/** Whether a written ONNX file gives what its classifier gives. */
import { RunError } from "../../errors.js";
import { answersOf } from "../../predictors/onnx/onnx-process.js";
import type { SampleImages } from "./export-images.js";

/** Largest difference of the logits, as a share of the largest logit: some hundred roundings of float32. */
export const TOLERANCE = 1e-4;
/** Logarithms of smaller probabilities are not compared: float32 has none for them. */
const LEAST_LOGIT = -80;

export interface Verification {
  /** Images that both classified. */
  readonly images: number;
  /** What the images are. */
  readonly of: string;
  /** Largest difference of their logits, as a share of the largest logit. */
  readonly difference: number;
}

/**
 * Has ONNX Runtime classify images in a process of its own, and compares.
 *
 * @param logits the classifier's, (N, K)
 * @param probabilities whether the file gives these, which are compared by their logarithms
 * @throws RunError ERR_EXPORT_VERIFY the logits differ, or the classes; and what {@link answersOf} throws
 */
export async function verifyOnnx(
  file: string,
  images: SampleImages,
  { logits, classes, probabilities }: { logits: Float32Array; classes: readonly string[]; probabilities: boolean },
): Promise<Verification> {
  const answers = await answersOf(file, images.pixels, 0);
  const fail = (what: string): never => {
    throw new RunError("ERR_EXPORT_VERIFY", `export: the ONNX file was not kept: ${what}. Please report it`);
  };
  if (JSON.stringify(answers.classes) !== JSON.stringify(classes)) fail("its classes are not the classifier's");
  if (answers.logits.length !== logits.length) fail(`it gives ${answers.logits.length} numbers, not ${logits.length}`);
  const k = classes.length;
  const rows = logits.length / k;
  const row = (values: Float32Array, i: number) => {
    const own = values.subarray(i * k, (i + 1) * k);
    return probabilities ? fromLargest(own) : own;
  };
  let largest = 0;
  let apart = 0;
  for (let i = 0; i < rows; i++) {
    const [a, b] = [row(logits, i), row(answers.logits, i)];
    for (let j = 0; j < k; j++) {
      largest = Math.max(largest, Math.abs(a[j]));
      const difference = Math.abs(a[j] - b[j]);
      // What is no number differs.
      apart = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(apart, difference);
    }
  }
  const difference = largest === 0 ? apart : apart / largest;
  if (!(difference < TOLERANCE)) {
    fail(
      `the logits of ${images.of} differ by up to ${difference.toExponential(1)} of the largest, more than ${TOLERANCE}`,
    );
  }
  for (let i = 0; i < rows; i++) {
    const [a, b] = [row(logits, i), row(answers.logits, i)];
    const sorted = Float32Array.from(a).sort().reverse();
    if (sorted[0] - sorted[1] > TOLERANCE * largest && a.indexOf(sorted[0]) !== b.indexOf(Math.max(...b))) {
      fail(`of image ${i + 1} of ${images.of} another class is the first`);
    }
  }
  return { images: rows, of: images.of, difference };
}

/** A row less its largest value: the same for logits and for the logarithms of their probabilities. */
function fromLargest(row: Float32Array): Float32Array {
  const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return row.map((value) => Math.max(value - largest, LEAST_LOGIT));
}
