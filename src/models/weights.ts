/** Converts the state of a network to safetensors and back. */
import { didYouMean, UsageError } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { SafetensorsDtype, SafetensorsTensor } from "../runs/safetensors.js";
import { type DType, fromArray, scope, type Tensor, type TypedArray } from "../tensor/index.js";
import { copy_ } from "../tensor/operators.js";

const DTYPES = { float32: "F32", float64: "F64", bfloat16: "BF16", int64: "I64", int32: "I32", uint8: "U8" } as const;
const NAMES = new Map<SafetensorsDtype, DType>(Object.entries(DTYPES).map(([dtype, name]) => [name, dtype as DType]));

/** The elements of a tensor in the encoding of safetensors: little-endian and row-major, whatever its strides. */
export function toSafetensor(tensor: Tensor): SafetensorsTensor {
  const { dtype } = tensor;
  if (dtype === "bool") throw new UsageError("ERR_DTYPE", "safetensors: bool tensors are not stored");
  const values = tensor.toArray();
  return {
    dtype: DTYPES[dtype],
    shape: tensor.shape,
    data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

/** Makes a tensor from its stored elements. */
export function fromSafetensor({ dtype, shape, data }: SafetensorsTensor): Tensor {
  const name = NAMES.get(dtype);
  if (name === undefined) throw new UsageError("ERR_DTYPE", `safetensors: tensors of ${dtype} are not read`);
  // The bytes are passed unchanged: the dtype defines how they are read.
  return fromArray(data as TypedArray, shape, name);
}

/**
 * Overwrites a state by name. Nothing is written where a name or a shape does not fit.
 *
 * @param source file or address of the tensors, for messages
 * @throws ERR_WEIGHTS a name is missing or unknown, or a shape differs
 */
export function loadState(
  target: ReadonlyMap<string, Tensor>,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  source: string,
): void {
  const missing = [...target.keys()].filter((name) => !tensors.has(name));
  const unknown = [...tensors.keys()].filter((name) => !target.has(name));
  if (missing.length > 0 || unknown.length > 0) {
    const list = (what: string, names: string[]) =>
      names.length === 0
        ? ""
        : `; ${what} ${names.length}: ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", ..." : ""}`;
    const hint = unknown.length > 0 ? didYouMean(unknown[0], missing) : "";
    throw new UsageError(
      "ERR_WEIGHTS",
      `${source}: the names must be those of the network${list("missing", missing)}${list("unknown", unknown)}.${hint} The weights may be those of another model, or have other routes.`,
    );
  }
  for (const [name, tensor] of target) {
    const { shape } = tensors.get(name) as SafetensorsTensor;
    if (shape.length !== tensor.shape.length || shape.some((length, i) => length !== tensor.shape[i])) {
      throw new UsageError(
        "ERR_WEIGHTS",
        `${source}: ${name} must have shape [${tensor.shape}]; got [${shape}]. The number of classes may differ.`,
      );
    }
  }
  scope(() => {
    for (const [name, tensor] of target) copy_(tensor, fromSafetensor(tensors.get(name) as SafetensorsTensor));
  });
}

/** The state of a network in the encoding of safetensors. */
export function stateOf(network: Module): Map<string, SafetensorsTensor> {
  return new Map(Array.from(network.state(), ([name, tensor]) => [name, toSafetensor(tensor)]));
}
