/** Checks whether the mean and std of an ONNX file's input fit the given unit and order of the colours. */

type Unit = "0-1" | "0-255";

/** A pixel x becomes the input value (x - mean) / std. */
export interface Normalization {
  readonly channels: "RGB" | "BGR";
  /** The values of black and white. */
  readonly pixelRange: Unit;
  /** In the unit of pixelRange and in the order of `channels`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * What is wrong with a mean and a std, and how to fix it; undefined if they are plausible. A mean of 0 and a std of 1 fit both
 * units. Otherwise a value above 1 cannot be for pixels in 0-1, and values that are all at most 1 cannot be for pixels in 0-255.
 */
export function normalizationMistake({
  pixelRange,
  mean,
  std,
}: Normalization): [what: string, fix: string] | undefined {
  if (std.some((value) => !(value > 0))) {
    return [`std must be above 0; got ${std.join(", ")}`, "Correct `onnx.std`"];
  }
  if (mean.some((value) => value < 0)) {
    const got = `mean must not be negative; got ${mean.join(", ")}`;
    return [got, "It is subtracted: leave the minus out of `onnx.mean`"];
  }
  const units = { mean: unitOf(mean, 0), std: unitOf(std, 1) };
  const given = { mean, std };
  const names = (["mean", "std"] as const).filter((name) => units[name] !== undefined && units[name] !== pixelRange);
  if (names.length === 0) return undefined;
  const [largest] = [...mean, ...std].filter((value) => value > 255);
  if (largest !== undefined) {
    return [`mean and std must be values of pixels, at most 255; got ${largest}`, "Correct `onnx.mean` and `onnx.std`"];
  }
  const other: Unit = pixelRange === "0-1" ? "0-255" : "0-1";
  const listed = names.map((name) => `${name} ${given[name].join(", ")}`).join(" and ");
  const looks = names.length === 1 ? "looks like a value" : "look like values";
  const what = `mean and std must be in the unit of pixelRange, here ${pixelRange}; ${listed} ${looks} for ${other}`;
  const agrees = Object.values(units).some((unit) => unit === pixelRange);
  const scaled = `${pixelRange === "0-1" ? "divide" : "multiply"} ${names.join(" and ")} by 255`;
  // If the other of the two is right, changing the range would only move the mistake.
  return [what, agrees ? `To bring both into one unit, ${scaled}` : `Give \`onnx.pixelRange: ${other}\`, or ${scaled}`];
}

/** The unit of the values; undefined if every value is `neutral`, which fits both units. */
function unitOf(values: readonly number[], neutral: number): Unit | "none" | undefined {
  if (values.every((value) => value === neutral)) return undefined;
  const largest = Math.max(...values);
  if (largest > 255) return "none";
  return largest > 1 ? "0-255" : "0-1";
}

/** ImageNet's mean of R, G, B in 0-1, and the largest error of rounded values. */
const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const ROUNDING = 0.005;

/**
 * A remark if the mean is ImageNet's in the other order of the colours. It is not an error, because some networks were trained this
 * way.
 */
export function orderRemark({ channels, pixelRange, mean }: Normalization): string | undefined {
  const scale = pixelRange === "0-255" ? 255 : 1;
  const otherOrder = channels === "RGB" ? [...IMAGENET_MEAN].reverse() : IMAGENET_MEAN;
  if (mean.some((value, i) => Math.abs(value / scale - otherOrder[i]) > ROUNDING)) return undefined;
  const other = channels === "RGB" ? "BGR" : "RGB";
  return `mean is in the order of channels, ${channels}, and looks like ImageNet's in the order ${other}`;
}
