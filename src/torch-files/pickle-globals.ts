/**
 * The only names that a pickle may use: those that torch.save needs for tensors in plain containers. No Python code is run.
 * Each name builds a JavaScript value.
 */
import type { SafetensorsDtype } from "../runs/safetensors.js";
import { geometryFault, type TorchStorage, type TorchTensor } from "./tensor.js";

/** A value of a pickle. Lists and tuples become arrays, and dictionaries become maps. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | TorchStorage
  | TorchTensor
  | PickleGlobal;

/** A name that a pickle has looked up, and the function that builds its value. */
export interface PickleGlobal {
  readonly kind: "global";
  readonly name: string;
  /** Undefined for names that cannot be called: the types of storages and elements. */
  readonly call?: (args: readonly PickleValue[]) => PickleValue;
  /** For the type of a storage. */
  readonly dtype?: SafetensorsDtype;
}

/** An argparse.Namespace with the options of a training script, as in timm's checkpoints. It is read as a map. */
export class Namespace extends Map<PickleValue, PickleValue> {}

/** Thrown where a pickle passes arguments to a name that it does not accept. */
export class PickleArgumentError extends Error {}

/** dtype by PyTorch's name of a storage. No network here uses complex, quantised or 8-bit floating-point storages. */
const STORAGES: Readonly<Record<string, SafetensorsDtype>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};
const ELEMENT_TYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split(" ");

const calls: Readonly<Record<string, (args: readonly PickleValue[]) => PickleValue>> = {
  "collections.OrderedDict": ([pairs]) => dictionary(pairs),
  "torch._utils._rebuild_tensor": ([storage, offset, shape, strides]) => tensor(storage, offset, shape, strides),
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides]) => tensor(storage, offset, shape, strides),
  "torch._utils._rebuild_parameter": ([data]) => (isTensor(data) ? data : fail("a parameter must be made of a tensor")),
  "torch.Size": ([sizes]) => (Array.isArray(sizes) ? sizes : fail("a size must be made of a tuple")),
  "torch.device": (args) => args.filter((part) => typeof part !== "object").join(":"),
  // Protocol 2 writes sets and bytes in this way.
  "builtins.set": ([list]) => new Set(Array.isArray(list) ? list : []),
  "_codecs.encode": ([text, encoding]) =>
    typeof text === "string" && encoding === "latin1" ? Buffer.from(text, "latin1") : fail("bytes must be latin1"),
  "argparse.Namespace": () => new Namespace(),
};

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map([
  ...Object.entries(calls).map(([name, call]): [string, PickleGlobal] => [name, { kind: "global", name, call }]),
  ...Object.entries(STORAGES).map(([type, dtype]): [string, PickleGlobal] => {
    const name = `torch.${type}`;
    return [name, { kind: "global", name, dtype }];
  }),
  ...ELEMENT_TYPES.map((type): [string, PickleGlobal] => [`torch.${type}`, { kind: "global", name: `torch.${type}` }]),
]);

/** The global of a name; undefined where it is not one of the above. Python 2 has another name for the module builtins. */
export const findGlobal = (module: string, name: string): PickleGlobal | undefined =>
  GLOBALS.get(`${module === "__builtin__" ? "builtins" : module}.${name}`);

export function isTensor(value: PickleValue | undefined): value is TorchTensor {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "tensor";
}

/** Whether a value is a count or an index, which a pickle may store as an integer of any width. */
export const isIndex = (value: PickleValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function dictionary(pairs: PickleValue | undefined): Map<PickleValue, PickleValue> {
  const result = new Map<PickleValue, PickleValue>();
  if (pairs === undefined) return result;
  if (!Array.isArray(pairs)) return fail("a dictionary must be made of a list of pairs");
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) return fail("a dictionary must be made of pairs");
    result.set(pair[0], pair[1]);
  }
  return result;
}

function tensor(
  storage: PickleValue | undefined,
  offset: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
): TorchTensor {
  const isStorage = typeof storage === "object" && storage !== null && "kind" in storage && storage.kind === "storage";
  if (!isStorage) return fail("a tensor must be made of a storage");
  if (!isIndex(offset)) return fail("a tensor's offset must be a non-negative integer");
  if (!isIndices(shape)) return fail("a tensor's shape must be non-negative integers");
  if (!isIndices(strides)) return fail("a tensor's strides must be non-negative integers");
  const result: TorchTensor = { kind: "tensor", storage, offset, shape, strides };
  const fault = geometryFault(result);
  return fault === undefined ? result : fail(`a tensor ${fault}`);
}

const isIndices = (value: PickleValue | undefined): value is number[] => Array.isArray(value) && value.every(isIndex);

function fail(rule: string): never {
  throw new PickleArgumentError(rule);
}
