/** Module: a network or a part of one, with named parameters, buffers and children. */
import { assert } from "../errors.js";
import { closeScope, type Device, type DType, openScope, type Tensor } from "../tensor/index.js";
import type { ForwardContext } from "./context.js";
import type { Initializer } from "./initialization.js";
import { Buffer, Parameter, type ParameterKind } from "./parameter.js";

/**
 * The base of every layer and network. A subclass declares its parts with {@link child}, {@link parameter} and
 * {@link buffer} under the names that a checkpoint gives them, and computes in {@link compute}. Declaring allocates
 * nothing: a network can be counted without being made; {@link initialize} allocates.
 */
export abstract class Module {
  readonly #children = new Map<string, Module>();
  readonly #parameters = new Map<string, Parameter>();
  readonly #buffers = new Map<string, Buffer>();
  #all: readonly Parameter[] | undefined;

  /** What the module computes; tensors made on the way are freed by {@link forward}. */
  protected abstract compute(x: Tensor, context: ForwardContext): Tensor;

  /** Runs the module. Everything made on the way is freed, save what the graph needs for gradients. */
  forward(x: Tensor, context: ForwardContext): Tensor {
    openScope();
    let y: Tensor | undefined;
    try {
      y = this.compute(x, context);
      return y;
    } finally {
      closeScope(y);
    }
  }

  /** Declares a part. One with an empty name has the names of this module: its parameter `weight` is called as this module's would be. */
  protected child<M extends Module>(name: string, module: M): M {
    assert(!this.#children.has(name), `two children named ${name}`);
    this.#children.set(name, module);
    return module;
  }

  protected parameter(
    name: string,
    shape: readonly number[],
    kind: ParameterKind,
    initializer: Initializer,
  ): Parameter {
    const parameter = new Parameter(shape, kind, initializer);
    this.#parameters.set(name, parameter);
    return parameter;
  }

  protected buffer(name: string, shape: readonly number[], initial: number, integer = false): Buffer {
    const buffer = new Buffer(shape, initial, integer);
    this.#buffers.set(name, buffer);
    return buffer;
  }

  /** Every module below and including this one, with its name, in order of declaration. */
  *namedModules(prefix = ""): Generator<[string, Module]> {
    yield [prefix, this];
    for (const [name, child] of this.#children) yield* child.namedModules(join(prefix, name));
  }

  /** Every parameter with its full name, in order of declaration. */
  *namedParameters(): Generator<[string, Parameter]> {
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, parameter] of module.#parameters) yield [join(prefix, name), parameter];
    }
  }

  /** Every parameter, in order of declaration: listed once, because what a network is made of does not change. */
  get parameters(): readonly Parameter[] {
    this.#all ??= Array.from(this.namedParameters(), ([, parameter]) => parameter);
    return this.#all;
  }

  /** Every buffer with its full name, in order of declaration. */
  *namedBuffers(): Generator<[string, Buffer]> {
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, buffer] of module.#buffers) yield [join(prefix, name), buffer];
    }
  }

  /** Everything that a checkpoint holds, under its names: parameters (outside of every graph) and buffers. */
  state(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const [name, parameter] of this.namedParameters()) state.set(name, parameter.data);
    for (const [name, buffer] of this.namedBuffers()) state.set(name, buffer.value);
    return state;
  }

  /**
   * Allocates every parameter and buffer with its initial values.
   *
   * @param seed  of the random ones: the same seed gives the same main network whatever the auxiliary routes; undefined leaves
   *   zeros, where weights are loaded next
   * @param dtype float32, or float64 for tests
   * @throws ERR_DEVICE there is no such device
   */
  initialize(seed: number | undefined, dtype: DType = "float32", device: Device = "cpu"): this {
    let stream = 0;
    const parameters = this.parameters;
    // One array for all, given back at the end: the collector is in no hurry to free the size of the largest weight.
    const bytes = Float32Array.BYTES_PER_ELEMENT * parameters.reduce((most, { size }) => Math.max(most, size), 0);
    const memory = new ArrayBuffer(bytes, { maxByteLength: bytes });
    const all = new Float32Array(memory);
    for (const parameter of parameters) {
      const values = all.subarray(0, parameter.size).fill(0);
      if (seed !== undefined) parameter.initializer(values, seed, stream);
      parameter.allocate(values, dtype, device);
      // Norm parameters are constant, so they take no stream: auxiliary ones must not shift their followers'.
      if (parameter.kind !== "norm") stream += 1;
    }
    memory.resize(0);
    for (const [, buffer] of this.namedBuffers()) buffer.allocate(dtype, device);
    return this;
  }

  /** Frees every parameter, what is derived from it, and every buffer. {@link initialize} allocates them again. */
  dispose(): void {
    for (const parameter of this.parameters) parameter.dispose();
    for (const [, buffer] of this.namedBuffers()) buffer.dispose();
  }
}

const join = (prefix: string, name: string): string => [prefix, name].filter((part) => part !== "").join(".");
