/** Verifies that a written ONNX file gives the same logits as its classifier. */
import { RunError } from "../../errors.js";
import { answersOf } from "../../predictors/onnx/onnx-process.js";
import type { SampleImages } from "./export-images.js";

/** Largest allowed difference of the logits, as a share of the largest logit: some hundred rounding errors of float32. */
export const TOLERANCE = 1e-4;
/** Smaller logarithms of probabilities are not compared, because float32 cannot represent the probabilities. */
const LEAST_LOGIT = -80;

export interface Verification {
  /** Number of compared images. */
  readonly images: number;
  /** Description of the images. */
  readonly of: string;
  /** Largest difference of their logits, as a share of the largest logit. */
  readonly difference: number;
}

/**
 * Runs the file by ONNX Runtime in a separate process, and compares the results with the classifier's.
 *
 * @param logits logits of the classifier, (N, K)
 * @param probabilities whether the file gives probabilities; their logarithms are compared
 * @throws RunError ERR_EXPORT_VERIFY the logits differ, or the classes; and what {@link answersOf} throws
 */
export async function verifyOnnx(
  file: string,
  images: SampleImages,
  { logits, classes, probabilities }: { logits: Float32Array; classes: readonly string[]; probabilities: boolean },
): Promise<Verification> {
  const answers = await answersOf(file, images.pixels, 0);
  const fail = (what: string, advice = "Please report it"): never => {
    throw new RunError("ERR_EXPORT_VERIFY", `export: the ONNX file was not kept: ${what}. ${advice}`);
  };
  if (JSON.stringify(answers.classes) !== JSON.stringify(classes)) fail("its classes differ from the classifier's");
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
      // NaN counts as a difference.
      apart = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(apart, difference);
    }
  }
  const difference = largest === 0 ? apart : apart / largest;
  if (!(difference < TOLERANCE)) {
    fail(
      `the logits of ${images.of} differ by up to ${difference.toExponential(1)} of the largest, more than ${TOLERANCE}`,
      "Rounding can do this to a deep network after a few steps of training. If yours was trained for longer, please report it",
    );
  }
  for (let i = 0; i < rows; i++) {
    const [a, b] = [row(logits, i), row(answers.logits, i)];
    const sorted = Float32Array.from(a).sort().reverse();
    if (sorted[0] - sorted[1] > TOLERANCE * largest && a.indexOf(sorted[0]) !== b.indexOf(Math.max(...b))) {
      fail(`image ${i + 1} of ${images.of} gets another class`);
    }
  }
  return { images: rows, of: images.of, difference };
}

/** A row minus its largest value, which is the same for logits and for the logarithms of their probabilities. */
function fromLargest(row: Float32Array): Float32Array {
  const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return row.map((value) => Math.max(value - largest, LEAST_LOGIT));
}
