/** Converts elements of any dtype to those of networks here: float32, and int64 for counters. */
import { UsageError } from "../errors.js";
import type { SafetensorsDtype, SafetensorsTensor } from "../runs/safetensors.js";
import type { StoredTensor } from "../torch-files/tensor.js";

const FLOATS: readonly SafetensorsDtype[] = ["F32", "F64", "F16", "BF16"];

/** Whether a tensor has the dtype of a parameter or a statistic. */
export const isFloat = ({ dtype }: Pick<StoredTensor, "dtype">): boolean => FLOATS.includes(dtype);

/**
 * A tensor as float32: float16 and bfloat16 are exact, float64 is rounded to the nearest.
 *
 * @throws ERR_WEIGHTS an element is infinite or NaN
 */
export function toFloat32(name: string, tensor: StoredTensor, source: string): SafetensorsTensor {
  const values = decode(tensor.dtype, tensor.read());
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) {
    throw new UsageError(
      "ERR_WEIGHTS",
      `${source}: ${name} must have finite elements; element ${bad} is ${values[bad]}. The training diverged, or the file is damaged`,
    );
  }
  return { dtype: "F32", shape: tensor.shape, data: new Uint8Array(values.buffer, 0, values.byteLength) };
}

/** A count as an int64 tensor. */
export function toCount(value: number): SafetensorsTensor {
  return { dtype: "I64", shape: [], data: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer) };
}

/** The first element of an integer tensor; 0 for an empty tensor or another dtype. */
export function firstCount(tensor: StoredTensor): number {
  if (tensor.dtype !== "I64") return 0;
  const bytes = tensor.read();
  return bytes.length < 8 ? 0 : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true));
}

function decode(dtype: SafetensorsDtype, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  // Copied, so that the elements are aligned. (Buffer.slice would not copy.)
  const { buffer } = new Uint8Array(bytes);
  if (dtype === "F32") return new Float32Array(buffer);
  if (dtype === "F64") return Float32Array.from(new Float64Array(buffer));
  const halves = new Uint16Array(buffer);
  if (dtype === "F16") return Float32Array.from(halves, halfToNumber);
  // bfloat16 is the upper half of a float32.
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}

/** IEEE 754 binary16: 1 sign bit, 5 bits of exponent with bias 15, 10 bits of fraction. */
function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
