/** What each operator of an evaluation pass is in ONNX: the closed list that an export knows. */
import type { Argument, RecordedCall, Tensor } from "../tensor/index.js";
import { ACTIVATION_CODES, type Activation } from "../tensor/layers.js";
import type { OnnxGraph } from "./onnx-graph.js";

/** What a rule may ask while it lowers a call. */
export interface Lowering {
  readonly graph: OnnxGraph;
  /** The layer that the call is of. */
  readonly layer: string;
  /** The name of a tensor's value in the graph; a parameter becomes a constant under its own name. */
  name(tensor: Argument): string;
  /** Of the call's arguments that are tensors, for one image. */
  readonly shapes: RecordedCall["shapes"];
  /** The layer of a parameter. */
  layerOf(parameter: Argument): string;
}

/** Gives the names of the call's results; undefined where ONNX export does not know the operator with these arguments. */
type Rule = (values: readonly Argument[], lowering: Lowering) => string | readonly string[] | undefined;

const shapeOf = (tensor: Argument): readonly number[] => (tensor as Tensor).shape;

/** [left, right, top, bottom] in ONNX's order: both beginnings, then both ends. */
const pads = ([left, right, top, bottom]: readonly number[]): readonly number[] => [top, left, bottom, right];

function convolution(
  { graph, name }: Lowering,
  layer: string,
  [x, weight, bias]: readonly [x: string, weight: Argument, bias?: Argument],
  options: { stride?: number; padding?: readonly number[]; groups?: number } = {},
): string {
  const { stride = 1, padding = [0, 0, 0, 0], groups = 1 } = options;
  const kernel_shape = shapeOf(weight).slice(2);
  const attributes = { kernel_shape, strides: [stride, stride], pads: pads(padding), group: groups };
  const parameters = bias == null ? [weight] : [weight, bias];
  return graph.node(layer, "Conv", [x, ...parameters.map(name)], attributes);
}

function activate({ graph }: Lowering, layer: string, x: string, activation: Activation): string {
  switch (activation) {
    case "identity":
      return x;
    case "relu":
      return graph.node(layer, "Relu", [x]);
    case "relu6":
      return graph.node(layer, "Clip", [x, graph.float(`${layer}/low`, 0), graph.float(`${layer}/high`, 6)]);
    case "silu":
      return graph.node(layer, "Mul", [x, graph.node(layer, "Sigmoid", [x])]);
  }
}

const ACTIVATIONS = new Map<Argument, Activation>(
  Object.entries(ACTIVATION_CODES).map(([activation, code]) => [code, activation as Activation]),
);

function norm(
  { graph, name }: Lowering,
  layer: string,
  x: string,
  { statistics, epsilon }: { statistics: readonly Argument[]; epsilon: Argument },
): string {
  return graph.node(layer, "BatchNormalization", [x, ...statistics.map(name)], {
    epsilon: { float: epsilon as number },
  });
}

/** By the name of the operator, its rule; arguments are those of src/tensor/layers.ts. */
export const ONNX_RULES: Readonly<Record<string, Rule>> = {
  "advprop::conv2d": ([x, weight, bias, stride, padding, groups], lowering) =>
    convolution(lowering, lowering.layer, [lowering.name(x), weight, bias], {
      stride: stride as number,
      padding: padding as number[],
      groups: groups as number,
    }),

  "advprop::batch_norm": ([x, scale, shift, residual, mean, variance, , , epsilon, activation], lowering) => {
    const { graph, name } = lowering;
    const layer = lowering.layerOf(scale);
    const y = norm(lowering, layer, name(x), { statistics: [scale, shift, mean, variance], epsilon });
    const sum = residual == null ? y : graph.node(layer, "Add", [y, name(residual)]);
    return activate(lowering, layer, sum, ACTIVATIONS.get(activation)!);
  },
  "advprop::norm_relu_conv2d_3x3": ([x, scale, shift, mean, variance, , , epsilon, weight], lowering) => {
    const layer = lowering.layerOf(scale);
    const y = norm(lowering, layer, lowering.name(x), { statistics: [scale, shift, mean, variance], epsilon });
    const activated = activate(lowering, layer, y, "relu");
    return convolution(lowering, lowering.layerOf(weight), [activated, weight], { padding: [1, 1, 1, 1] });
  },

  "advprop::squeeze_excitation": ([x, reduce, reduceBias, expand, expandBias], lowering) => {
    const { graph, name, layerOf } = lowering;
    const pointwise = (input: string, weight: Argument, bias: Argument) =>
      graph.node(layerOf(weight), "Conv", [input, name(weight), name(bias)], { kernel_shape: [1, 1] });
    const mean = graph.node(layerOf(reduce), "GlobalAveragePool", [name(x)]);
    const squeezed = activate(lowering, layerOf(reduce), pointwise(mean, reduce, reduceBias), "silu");
    const gate = graph.node(layerOf(expand), "Sigmoid", [pointwise(squeezed, expand, expandBias)]);
    return graph.node(layerOf(expand), "Mul", [name(x), gate]);
  },

  "advprop::max_pool2d": ([x, size, stride, padding], { graph, name, layer }) =>
    graph.node(layer, "MaxPool", [name(x)], {
      kernel_shape: [size as number, size as number],
      strides: [stride as number, stride as number],
      pads: pads(new Array(4).fill(padding)),
    }),
  "advprop::average_pool": ([x], { graph, name, layer }) =>
    graph.node(layer, "Flatten", [graph.node(layer, "GlobalAveragePool", [name(x)])]),

  // Both branches read the same value, which nothing in a graph can change.
  "advprop::branch": ([x], { name }) => [name(x), name(x)],
  // As a convolution whose weights are zeros and ones: runtimes fuse it with what follows, and keep their own layout of memory.
  "advprop::padding_shortcut": ([x, stride, before, after], { graph, name, layer, shapes }) => {
    const inputs = shapes[0]![1];
    const outputs = inputs + (before as number) + (after as number);
    const weights = new Float32Array(outputs * inputs);
    for (let channel = 0; channel < inputs; channel++) weights[((before as number) + channel) * inputs + channel] = 1;
    const selection = graph.constant(graph.unused(`${layer}.shortcut.weight`), [outputs, inputs, 1, 1], weights);
    const strides = [stride as number, stride as number];
    return graph.node(layer, "Conv", [name(x), selection], { kernel_shape: [1, 1], strides });
  },

  "aten::reshape": ([x, shape], { graph, name, layer, shapes }) => {
    const features = shapes[0]!.slice(1).reduce((a, b) => a * b, 1);
    const [images, columns, ...rest] = shape as readonly number[];
    const flattens = rest.length === 0 && Math.abs(images) === 1 && (columns === features || columns === -1);
    return flattens ? graph.node(layer, "Flatten", [name(x)]) : undefined;
  },
  "aten::cat": ([tensors, dimension], { graph, name, layer }) => {
    if ((dimension as number) < 1) return undefined; // Dimension 0 joins images.
    return graph.node(layer, "Concat", (tensors as readonly Tensor[]).map(name), { axis: dimension as number });
  },

  "aten::linear": ([x, weight, bias], { graph, name, layer }) =>
    graph.node(layer, "Gemm", [name(x), name(weight), name(bias)], { transB: 1 }),
  "aten::add_.Tensor": ([a, b], { graph, name, layer }) => graph.node(layer, "Add", [name(a), name(b)]),
};
