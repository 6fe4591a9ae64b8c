/**
 * The native surface: every function of the addon, declared once. Only this folder loads it.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { engineFolder, isForThisProcessor, ENGINE_REMEDY as REMEDY } from "../../scripts/places.mjs";
import { RunError, UsageError } from "../errors.js";

/** What the addon's functions take and give for a tensor: an object that carries a handle under `handleKey`. */
export interface NativeAddon {
  /** The symbol under which a Tensor object carries its handle. */
  readonly handleKey: symbol;
  findOperator(name: string, overload: string): { id: number; returns: string };
  callOperator(id: number, values: readonly unknown[]): unknown;
  /** The faults of the text of native/operators.schema, a line for each: see native/engine/operators.h. */
  schemaFaults(schemas: string): string[];
  setRequiresGrad(tensor: object, flag: boolean): void;
  gradients(loss: object, inputs: readonly object[], gradient?: object): (number | null)[];
  recompute(
    output: object,
    inputs: readonly object[],
    backward: (input: number, gradient: number) => readonly (object | undefined)[],
  ): number;
  accumulateGradients(loss: object, leaves: readonly object[]): void;
  storedGradient(leaf: object): number | null;
  storeGradients(leaves: readonly object[], gradients: readonly (object | undefined)[]): void;
  clearGradients(leaves: readonly object[]): void;
  fromBytes(data: ArrayBufferView, shape: readonly number[], dtype: string, device: string): number;
  toBytes(tensor: object): ArrayBuffer;
  shape(tensor: object): number[];
  strides(tensor: object): number[];
  dtype(tensor: object): string;
  device(tensor: object): string;
  requiresGradient(tensor: object): boolean;
  /** How often an operator has changed the elements. */
  version(tensor: object): number;
  item(tensor: object): number;
  dispose(tensor: object): void;
  isAlive(tensor: object): boolean;
  keep(tensor: object): void;
  beginScope(): void;
  endScope(kept: object | readonly object[] | undefined): void;
  beginCapture(device: string): void;
  endCapture(): number;
  replayGraph(graph: number): void;
  disposeGraph(graph: number): void;
  /** The class of the error where memory does not suffice. */
  setRunError(errorClass: typeof RunError): void;
  engineInfo(): { torch: string; cuda: boolean; cudaKernels: boolean; threads: number };
  setThreads(count: number): void;
  memoryStats(): MemoryStats;
  setMemoryLimit(bytes: number): void;
  resetPeak(): void;
  releaseCachedMemory(): void;
  startProfile(onDevice: boolean): void;
  stopProfile(): ProfileRow[];
  joinGroup(
    rank: number,
    size: number,
    host: string,
    port: number,
    generation: string,
    name: string,
    seconds: number,
  ): void;
  leaveGroup(): void;
  failGroup(reason: string): void;
  checkGroup(): void;
  groupStats(): GroupStats;
  startSum(tensors: readonly object[]): number;
  finishSum(sum: number, factor: number): void;
  broadcastTensors(tensors: readonly object[]): void;
  makeBuckets(leaves: readonly object[], bytes: number): number;
  followBuckets(buckets: number, loss: object): void;
  startBuckets(buckets: number): void;
  finishBuckets(buckets: number, factor: number): void;
  disposeBuckets(buckets: number): void;
}

/** What a group of ranks did so far, as this rank sees it. */
export interface GroupStats {
  /** That this rank gave into sums. */
  readonly bytes: number;
  /** In which a sum was under way. */
  readonly seconds: number;
  /** In which this rank did nothing but wait for a sum. */
  readonly waited: number;
}

/** One line of a profile: the operators of one name, or one of our kernels. */
export interface ProfileRow {
  /** "aten::conv2d 1x1", "aten::convolution_backward 3x3 (input gradient)", "Normalize backward". */
  readonly name: string;
  readonly calls: number;
  /** Time inside, without that of rows beneath it. */
  readonly ms: number;
  /** Floating-point operations, where they are known: of convolutions and matrix products; else 0. */
  readonly flops: number;
  /** Bytes of the tensors that go in, and of those that come out: the least that it moves; 0 where it is not known. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly convolution: boolean;
}

/** Tensors and bytes alive now. Bytes are of the whole process; tensors and scopes of this thread. */
export interface MemoryStats {
  /** Tensors that JavaScript holds. */
  liveTensors: number;
  /** Open scopes. */
  scopes: number;
  /** Bytes in use by tensors, also those that only the graph holds. */
  liveBytes: number;
  /** Most bytes in use since the last `resetPeak`. */
  peakBytes: number;
  /** Bytes taken from the system, in use or cached. */
  reservedBytes: number;
  /** Most bytes that may be taken from the system, 0 for no limit. */
  limitBytes: number;
}

/**
 * The addon, loaded where the first of its functions is asked for: importing the library needs no libtorch.
 *
 * @throws ERR_ADDON (from that first access) it is not built, does not load, or there can be none on this system
 */
export const native: NativeAddon = Object.create(
  new Proxy(
    {},
    {
      get: (_, name) => {
        // From now on the functions are the object's own properties, found as quickly as any.
        Object.assign(Object.setPrototypeOf(native, null), load());
        return native[name as keyof NativeAddon];
      },
    },
  ),
);

function load(): NativeAddon {
  const path = join(engineFolder(), "advprop.node");
  if (!existsSync(path)) throw new UsageError("ERR_ADDON", `the native engine is not built (no ${path}). ${REMEDY}`);
  if (!isForThisProcessor(engineFolder())) {
    throw new UsageError("ERR_ADDON", `the native engine was built for another processor. ${REMEDY}`);
  }
  // Threads that wait for the next operator sleep rather than spin: two spinning threads beside another busy process
  // slow a step many times. libgomp reads this when it is loaded, with the addon.
  process.env.OMP_WAIT_POLICY ??= "PASSIVE";
  // First they stay awake for about ten microseconds: a step is thousands of parallel loops, some shorter than a waking.
  process.env.GOMP_SPINCOUNT ??= "1000";
  try {
    const addon = createRequire(import.meta.url)(path) as NativeAddon;
    addon.setRunError(RunError);
    return addon;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      "ERR_ADDON",
      `the native engine does not load: ${reason}. ${REMEDY} (it rebuilds where libtorch or the processor changed), then: npx advprop doctor`,
    );
  }
}
