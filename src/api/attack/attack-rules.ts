/** What attacks on photos and on sets have in common: what they refuse, and that they give whole bytes. */
import { didYouMean, listed, UsageError } from "../../errors.js";
import { imagenetIndex } from "../../evaluation/classes/imagenet.js";
import { isOnnx } from "../../predictors/open.js";

/** @throws ERR_ATTACK the model is an ONNX file */
export function refuseOnnx(model: string): void {
  if (!isOnnx(model)) return;
  throw new UsageError(
    "ERR_ATTACK",
    `attack: an ONNX file gives no gradients, which the attack follows; got ${model}. Give the run or the weights that it was exported from`,
  );
}

/** @throws ERR_EPSILON it is not in [1/255, 1) */
export function checkEpsilon(epsilon: number): void {
  if (epsilon >= 1 / 255 && epsilon < 1) return;
  const hint = Number.isInteger(epsilon) && epsilon >= 1 && epsilon < 255 ? ` Did you mean ${epsilon} / 255?` : "";
  throw new UsageError(
    "ERR_EPSILON",
    `attack: epsilon must be at least 1/255, a whole byte, and below 1, as pixels are in [0, 1]; got ${epsilon}.${hint}`,
  );
}

/** To the nearest byte that is in the ball. */
export function toBytes(values: Float32Array, original: Uint8Array, epsilon: number): Uint8Array {
  // 4 / 255 * 255 must be 4.
  const most = Math.floor(255 * epsilon + 1e-6);
  return original.map((byte, i) => {
    const nearest = Math.round(255 * values[i]);
    return Math.min(255, Math.max(0, Math.min(byte + most, Math.max(byte - most, nearest))));
  });
}

/** @throws ERR_CLASS there is no class of that name */
export function classOf(name: string, classes: readonly string[]): string {
  if (classes.includes(name)) return name;
  // ImageNet's classes have more than one name.
  const index = imagenetIndex(name);
  const found = classes.find((one) => index !== undefined && imagenetIndex(one) === index);
  if (found !== undefined && classes.length === 1000) return found;
  throw new UsageError(
    "ERR_CLASS",
    `attack: there is no class ${name}.${didYouMean(name, classes)} The classes are ${listed(classes)}`,
  );
}
