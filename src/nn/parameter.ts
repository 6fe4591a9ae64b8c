/** Parameters and buffers: declared with their shape, allocated when the network is initialised. */
import { assert } from "../errors.js";
import { type Device, type DType, fromArray, keep, scope, type Tensor } from "../tensor/index.js";
import { cast, channelsLast, copy_, detach } from "../tensor/operators.js";
import type { Initializer } from "./initialization.js";

/** What a parameter is to the network: weight decay, for one, asks. */
export type ParameterKind = "weight" | "bias" | "norm";

const product = (shape: readonly number[]): number => shape.reduce((total, length) => total * length, 1);

/** A tensor that training changes. */
export class Parameter {
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
  readonly initializer: Initializer;
  #value: Tensor | undefined;
  #data: Tensor | undefined;

  constructor(shape: readonly number[], kind: ParameterKind, initializer: Initializer) {
    this.shape = shape;
    this.kind = kind;
    this.initializer = initializer;
  }

  /** Number of elements. */
  get size(): number {
    return product(this.shape);
  }

  /** The leaf whose gradient is computed. */
  get value(): Tensor {
    assert(this.#value !== undefined, "the network was not initialised");
    return this.#value;
  }

  /** The same elements outside of every graph: for attacks, evaluation and the optimiser. */
  get data(): Tensor {
    assert(this.#data !== undefined, "the network was not initialised");
    return this.#data;
  }

  /** The tensor for a pass: inside the graph, or outside of it. */
  for(trainable: boolean): Tensor {
    return trainable ? this.value : this.data;
  }

  /** Allocates the parameter. 4-D weights are channels-last. */
  allocate(values: Float32Array | Float64Array, dtype: DType, device: Device = "cpu"): void {
    this.dispose();
    scope(() => {
      const value = keep(channelsLast(cast(fromArray(values, this.shape, undefined, device), dtype)));
      this.#value = value.requireGradient();
      this.#data = keep(detach(value));
    });
  }

  /** Overwrites the elements, keeping dtype and memory format. */
  load(source: Tensor): void {
    copy_(this.data, source);
  }

  /** Frees the parameter, which can be allocated again. */
  dispose(): void {
    this.#value?.dispose();
    this.#data?.dispose();
    // Forgotten before anything new is allocated, which may fail.
    this.#value = undefined;
    this.#data = undefined;
  }
}

/** A tensor that belongs to the network and that gradients do not change: running statistics, counters. */
export class Buffer {
  readonly shape: readonly number[];
  readonly integer: boolean;
  readonly #initial: number;
  #value: Tensor | undefined;

  constructor(shape: readonly number[], initial: number, integer = false) {
    this.shape = shape;
    this.integer = integer;
    this.#initial = initial;
  }

  get value(): Tensor {
    assert(this.#value !== undefined, "the network was not initialised");
    return this.#value;
  }

  /** Allocates the buffer. Counters stay on the CPU, where reading them waits for nothing. */
  allocate(dtype: DType, device: Device = "cpu"): void {
    this.dispose();
    const values = new Array<number>(product(this.shape)).fill(this.#initial);
    this.#value = keep(
      this.integer ? fromArray(values, this.shape, "int64") : fromArray(values, this.shape, dtype, device),
    );
  }

  load(source: Tensor): void {
    copy_(this.value, source);
  }

  dispose(): void {
    this.#value?.dispose();
    this.#value = undefined;
  }
}
