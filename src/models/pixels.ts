/** Converts 8-bit pixels and labels to tensors for a classifier. */
import type { Pixels } from "../data/loading/batch.js";
import { type Device, type DType, fromArray, scope, type Tensor } from "../tensor/index.js";
import { imagesFromBytes } from "../tensor/operators.js";

/** pixels / 255 as [N, 3, H, W] in the channels-last layout, which the bytes already have. */
export function imagesFromPixels(
  { pixels, height, width }: Pixels,
  dtype: DType = "float32",
  device: Device = "cpu",
): Tensor {
  const count = pixels.length / (height * width * 3);
  return scope(() => imagesFromBytes(fromArray(pixels, [count, height, width, 3], undefined, device), dtype));
}

/** Class indices as int64 [N]. */
export const labelsTensor = (labels: ArrayLike<number>, device: Device = "cpu"): Tensor =>
  fromArray(Array.from(labels), [labels.length], "int64", device);
