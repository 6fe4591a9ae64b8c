/** Common parts of attacks on photos and on data sets: checks of their options, and rounding to bytes. */
import { didYouMean, listed, UsageError } from "../../errors.js";
import { imagenetIndex } from "../../evaluation/classes/imagenet.js";
import { isOnnx } from "../../predictors/open.js";

/** @throws ERR_ATTACK the model is an ONNX file */
export function refuseOnnx(model: string): void {
  if (!isOnnx(model)) return;
  throw new UsageError(
    "ERR_ATTACK",
    `attack: the attack needs gradients, and an ONNX file gives none; got ${model}. Give the run or the weights that it was exported from`,
  );
}

/** The default radius: the largest that the AdvProp paper uses. */
export const BYTE_EPSILON = 4 / 255;

/** @throws ERR_EPSILON epsilon is not a number in [1/255, 1) */
export function checkEpsilon(epsilon: number): void {
  if (typeof epsilon !== "number") {
    const given = JSON.stringify(epsilon);
    throw new UsageError(
      "ERR_EPSILON",
      `attack: epsilon must be a number, such as 4 / 255 without quotes; got ${given}.`,
    );
  }
  if (epsilon >= 1 / 255 && epsilon < 1) return;
  const hint = Number.isInteger(epsilon) && epsilon >= 1 && epsilon < 255 ? ` Did you mean ${epsilon} / 255?` : "";
  throw new UsageError(
    "ERR_EPSILON",
    `attack: epsilon must be at least 1/255, the smallest change of a byte, and below 1, because pixels are in [0, 1]; got ${epsilon}.${hint}`,
  );
}

/** Rounds each value to the nearest byte in the ball. */
export function toBytes(values: Float32Array, original: Uint8Array, epsilon: number): Uint8Array {
  // In spite of rounding 4 / 255 * 255 must give 4.
  const most = Math.floor(255 * epsilon + 1e-6);
  return original.map((byte, i) => {
    const nearest = Math.round(255 * values[i]);
    return Math.min(255, Math.max(0, Math.min(byte + most, Math.max(byte - most, nearest))));
  });
}

/** The class with this name, or with this synonym in ImageNet. @throws ERR_CLASS there is no class with this name */
export function classOf(name: string, classes: readonly string[]): string {
  if (classes.includes(name)) return name;
  // ImageNet's classes have several names.
  const index = imagenetIndex(name);
  const found = classes.find((one) => index !== undefined && imagenetIndex(one) === index);
  if (found !== undefined && classes.length === 1000) return found;
  throw new UsageError(
    "ERR_CLASS",
    `attack: there is no class ${name}.${didYouMean(name, classes)} The classes are ${listed(classes)}`,
  );
}
