/**
 * Tensor: a JavaScript object that carries a handle into the native table. Memory has one visible rule: a tensor lives
 * until the scope that made it ends, or until it is disposed; the garbage collector plays no part.
 */
import { assert, UsageError } from "../errors.js";
import { native } from "./native.js";

/** Where a tensor's elements are: "cpu", or a GPU by its number, "cuda:0". */
export type Device = "cpu" | `cuda:${number}`;

/** What can be asked for: a device, the first GPU, or whichever is the default. */
export type DeviceName = Device | "cuda" | "auto";

export type DType = "float32" | "float64" | "bfloat16" | "int64" | "int32" | "uint8" | "bool";

export class Tensor {
  /** @internal */
  readonly handle: number;
  #shape: readonly number[] | undefined;
  #dtype: DType | undefined;

  /** @internal Tensors come from operators and from {@link fromArray}. */
  constructor(handle: number) {
    this.handle = handle;
    // Where the addon looks for it. The symbol is the addon's, so that it is known only now that there is a tensor.
    (this as Record<symbol, unknown>)[native.handleKey] = handle;
  }

  /** After an operator changed the tensor in place, perhaps its shape. @internal */
  reread(): this {
    this.#shape = undefined;
    this.#dtype = undefined;
    return this;
  }

  get shape(): readonly number[] {
    this.#shape ??= native.shape(this);
    return this.#shape;
  }

  /** Distance in elements between neighbours of each dimension. */
  get strides(): readonly number[] {
    return native.strides(this);
  }

  get dtype(): DType {
    this.#dtype ??= native.dtype(this) as DType;
    return this.#dtype;
  }

  get device(): Device {
    return native.device(this) as Device;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  /** False after dispose(), or after the end of the scope that made the tensor. */
  get alive(): boolean {
    return native.isAlive(this);
  }

  /** Its one element. @throws ERR_SHAPE where there are several */
  item(): number {
    return native.item(this);
  }

  /**
   * A copy of the elements in C order, whatever the strides: Float32Array for float32, raw bits for bfloat16, and so on.
   *
   * @throws ERR_DTYPE the dtype is none of {@link DType}
   */
  toArray(): TypedArray {
    const array = arrayTypes[this.dtype] as (typeof arrayTypes)[DType] | undefined;
    if (array === undefined) {
      throw new UsageError("ERR_DTYPE", `toArray: there is no typed array for ${this.dtype}; cast the tensor first`);
    }
    return new array(native.toBytes(this));
  }

  /** The elements as numbers in C order, converted to float64 first. For tests and small results. */
  toNumbers(): number[] {
    if (this.dtype !== "bfloat16") return Array.from(this.toArray() as Iterable<number | bigint>, Number);
    return Array.from(this.toArray() as Uint16Array, (bits) => {
      widening.setUint32(0, bits << 16);
      return widening.getFloat32(0);
    });
  }

  /** Frees the tensor now. @throws ERR_DISPOSED where it was freed already */
  dispose(): void {
    native.dispose(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Marks a leaf as one whose gradient is wanted. */
  requireGradient(): this {
    native.setRequiresGrad(this, true);
    return this;
  }

  get requiresGradient(): boolean {
    return native.requiresGradient(this);
  }
}

export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Uint8Array
  | BigUint64Array;

const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

const widening = new DataView(new ArrayBuffer(4));

/**
 * A tensor from numbers, copied.
 *
 * @param values a typed array whose bytes are the elements (bfloat16 as Uint16Array), or numbers to convert
 * @param shape  lengths of the dimensions; the default is one dimension
 * @param dtype  the default is that of the typed array, float32 for numbers
 * @param device the default is the CPU. To a GPU the bytes are copied while the program goes on
 * @throws ERR_SHAPE the number of elements is not that of the shape; ERR_VALUE a number is none of an integer dtype
 * @throws ERR_DEVICE there is no such GPU
 */
export function fromArray(
  values: TypedArray | readonly number[],
  shape?: readonly number[],
  dtype?: DType,
  device: Device = "cpu",
): Tensor {
  const type = dtype ?? (Array.isArray(values) ? "float32" : dtypeOf(values as TypedArray));
  const data = Array.isArray(values) ? convert(values as readonly number[], type) : (values as TypedArray);
  return new Tensor(native.fromBytes(data, shape ?? [values.length], type, device));
}

/** A scalar tensor, shape []. */
export function scalar(value: number, dtype: DType = "float32"): Tensor {
  return fromArray([value], [], dtype);
}

function dtypeOf(values: TypedArray): DType {
  if (values instanceof Float32Array) return "float32";
  if (values instanceof Float64Array) return "float64";
  if (values instanceof BigInt64Array) return "int64";
  if (values instanceof Int32Array) return "int32";
  if (values instanceof Uint8Array) return "uint8";
  throw new UsageError(
    "ERR_DTYPE",
    `fromArray: a dtype is needed for ${(values as object).constructor.name}; pass "bfloat16" for its raw bits`,
  );
}

function convert(values: readonly number[], dtype: DType): TypedArray {
  switch (dtype) {
    case "float32":
      return Float32Array.from(values);
    case "float64":
      return Float64Array.from(values);
    case "int64":
      return BigInt64Array.from(integers(values, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, dtype), BigInt);
    case "int32":
      return Int32Array.from(integers(values, -(2 ** 31), 2 ** 31 - 1, dtype));
    case "uint8":
      return Uint8Array.from(integers(values, 0, 255, dtype));
    case "bool":
      return Uint8Array.from(values, (value) => (value ? 1 : 0));
    case "bfloat16":
      return Uint16Array.from(values, toBFloat16);
  }
}

function integers(values: readonly number[], low: number, high: number, dtype: DType): readonly number[] {
  const wrong = values.find((value) => !(Number.isInteger(value) && value >= low && value <= high));
  if (wrong === undefined) return values;
  throw new UsageError("ERR_VALUE", `fromArray: ${dtype} values must be integers in [${low}, ${high}]; got ${wrong}`);
}

/** float32 to bfloat16 bits, to nearest, ties to even. */
function toBFloat16(value: number): number {
  widening.setFloat32(0, value);
  const bits = widening.getUint32(0);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Wraps what an operator returned, by the letters of its schema: "t" tensor, "l" list, "v" value. @internal */
export function wrapResult(result: unknown, kind: string, values: readonly unknown[]): unknown {
  if (kind === "t") {
    if (result === null) return undefined;
    // An in-place operator gives back the argument that it changed: handles are never used twice.
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value instanceof Tensor && value.handle === result) return value.reread();
    }
    return new Tensor(result as number);
  }
  if (kind === "l") return (result as number[]).map((handle) => new Tensor(handle));
  if (kind === "v" || kind === "") return result;
  assert(Array.isArray(result), `operator with results ${kind} returned ${typeof result}`);
  return result.map((one, i) => wrapResult(one, kind[i], values));
}
