/** Converts a classifier to the graph of an ONNX file: an evaluation pass is recorded, and each operator is translated. */
import { assert, UsageError } from "../errors.js";
import { EVAL, MAIN_ROUTE } from "../nn/context.js";
import type { Module } from "../nn/module.js";
import { type Argument, type RecordedCall, recordCalls, scope, Tensor } from "../tensor/index.js";
import { channelsLast, full } from "../tensor/operators.js";
import { OnnxGraph } from "./onnx-graph.js";
import { type Lowering, ONNX_RULES } from "./onnx-operators.js";

/**
 * Records a pass of one image through the main batch norms with running statistics. Paddings are those of this image size.
 *
 * @param network on the CPU, in float32
 * @param begin   adds the nodes before the network, and returns the name of the network's input [N, 3, S, S], normalised
 * @param logits  name of the logits [N, K]
 * @throws ERR_EXPORT the network uses an operator without a rule for ONNX; the message names the layer
 */
export function recordGraph(
  network: Module,
  imageSize: number,
  begin: (graph: OnnxGraph) => string,
  logits: string,
): OnnxGraph {
  return scope(() => {
    const images = channelsLast(full([1, 3, imageSize, imageSize], 0.5));
    const context = { ...EVAL, route: MAIN_ROUTE, byLayers: true } as const;
    let result: Tensor | undefined;
    const calls = recordCalls(() => {
      result = network.forward(images, context);
    });
    assert(result !== undefined, "the pass has no result");
    const graph = new OnnxGraph();
    const lowered = new Lowered(graph, network);
    lowered.define(images, begin(graph));
    for (const call of calls) lowered.lower(call);
    assert(graph.nodes.at(-1)?.output === lowered.name(result), "the logits are not the last result");
    graph.renameLast(logits);
    return graph;
  });
}

class Lowered {
  readonly #graph: OnnxGraph;
  /** Names of values in the graph by the handle of the tensor. */
  readonly #values = new Map<number, string>();
  /** Names of parameters and buffers by the handle of the tensor. */
  readonly #state = new Map<number, string>();
  /** Results of operators without a rule, by handle, with the operator and its layer. */
  readonly #unknown = new Map<number, { readonly operator: string; readonly layer: string }>();
  #layer = "images";
  #constants = 0;

  constructor(graph: OnnxGraph, network: Module) {
    this.#graph = graph;
    for (const [name, tensor] of network.state()) this.#state.set(tensor.handle, name);
  }

  define(tensor: Tensor, name: string): void {
    this.#values.set(tensor.handle, name);
  }

  lower({ name: operator, values, shapes, result }: RecordedCall): void {
    this.#layer = layerIn(values.map((value) => this.#stateName(value))) ?? this.#layer;
    const lowering: Lowering = {
      graph: this.#graph,
      layer: this.#layer,
      shapes,
      name: (tensor) => this.name(tensor),
      layerOf: (parameter) => layerIn([this.#stateName(parameter)]) ?? this.#layer,
    };
    const names = ONNX_RULES[operator]?.(values, lowering);
    if (names === undefined) {
      // This is an error only if the result is used.
      for (const one of [result].flat()) {
        if (one instanceof Tensor) this.#unknown.set(one.handle, { operator, layer: this.#layer });
      }
      // An operator that changes its argument in place makes the known value of that tensor wrong.
      if (result instanceof Tensor && values.includes(result)) this.#values.delete(result.handle);
      return;
    }
    for (const [i, one] of [result].flat().entries()) this.define(one as Tensor, [names].flat()[i]);
  }

  name(tensor: Argument): string {
    assert(tensor instanceof Tensor, "an operator lacks a tensor that ONNX needs");
    const known = this.#values.get(tensor.handle);
    if (known !== undefined) return known;
    const unknown = this.#unknown.get(tensor.handle);
    if (unknown !== undefined) {
      throw new UsageError(
        "ERR_EXPORT",
        `export: the layer ${unknown.layer} uses the operator ${unknown.operator}, for which, with these arguments, ONNX export has no rule. ` +
          "Export it as safetensors instead: `to: FILE.safetensors`",
      );
    }
    const name = this.#stateName(tensor) ?? `constant_${this.#constants++}`;
    this.define(tensor, name);
    return this.#graph.constant(name, tensor.shape, tensor.toArray() as Float32Array);
  }

  #stateName(value: Argument): string | undefined {
    return value instanceof Tensor ? this.#state.get(value.handle) : undefined;
  }
}

/** The layer of the first parameter among some names: its name without the last part. */
function layerIn(names: readonly (string | undefined)[]): string | undefined {
  return names.find((name) => name !== undefined)?.replace(/\.[^.]*$/, "");
}
