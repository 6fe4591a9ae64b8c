/** Folds arithmetic into the weights of convolutions. Each fold saves a pass over memory and does not change the function. */
import type { OnnxGraph, OnnxNode } from "./onnx-graph.js";

/**
 * Folds norms into convolutions. If a norm is the only reader of a convolution without bias, the convolution gets the weights
 * w scale / sqrt(variance + epsilon) and the bias shift - mean scale / sqrt(variance + epsilon), computed in float64, and
 * the norm is removed. Other norms stay.
 */
export function foldNorms(graph: OnnxGraph): void {
  const producers = new Map(graph.nodes.map((node) => [node.output, node]));
  const readers = new Map<string, number>();
  for (const name of graph.nodes.flatMap(({ inputs }) => inputs)) readers.set(name, (readers.get(name) ?? 0) + 1);
  const folded = new Map<OnnxNode, OnnxNode>();
  /** The output of a convolution by the output of the norm that it replaces. */
  const replaced = new Map<string, string>();
  for (const norm of graph.nodes) {
    if (norm.operator !== "BatchNormalization") continue;
    const convolution = producers.get(norm.inputs[0]);
    if (convolution?.operator !== "Conv" || convolution.inputs.length !== 2) continue;
    if (readers.get(convolution.output) !== 1) continue;
    folded.set(convolution, fold(graph, convolution, norm));
    replaced.set(norm.output, convolution.output);
  }
  graph.nodes = graph.nodes
    .filter(({ output }) => !replaced.has(output))
    .map((node) => folded.get(node) ?? node)
    .map((node) => ({ ...node, inputs: node.inputs.map((name) => replaced.get(name) ?? name) }));
}

function fold(graph: OnnxGraph, convolution: OnnxNode, norm: OnnxNode): OnnxNode {
  const [x, weight] = convolution.inputs;
  const statistics = norm.inputs.slice(1);
  const [scale, shift, mean, variance] = statistics.map((name) => graph.constants.get(name)!.values);
  const { epsilon } = norm.attributes as { epsilon: { float: number } };
  const { shape, values } = graph.constants.get(weight)!;
  const factors = Float64Array.from(scale, (s, channel) => s / Math.sqrt(variance[channel] + epsilon.float));
  const scaled = values.slice();
  const size = values.length / shape[0];
  for (const [channel, factor] of factors.entries()) {
    for (let i = channel * size; i < (channel + 1) * size; i++) scaled[i] *= factor;
  }
  const bias = Float32Array.from(shift, (value, channel) => value - mean[channel] * factors[channel]);
  for (const name of statistics) graph.constants.delete(name);
  graph.constant(weight, shape, scaled);
  const biasName = graph.constant(weight.replace(/weight$/, "bias"), [bias.length], bias);
  return { ...convolution, inputs: [x, weight, biasName] };
}

/**
 * Folds divisions by channel, such as that of pixels by their deviation, into the weights of a convolution that is their
 * only reader. The convolution's zero padding is not affected, since 0 divided by anything is 0.
 */
export function foldDivision(graph: OnnxGraph): void {
  const division = graph.nodes.find(({ operator }) => operator === "Div");
  const readers = graph.nodes.filter(({ inputs }) => division !== undefined && inputs.includes(division.output));
  const [convolution] = readers;
  if (division === undefined || readers.length !== 1 || convolution.operator !== "Conv") return;
  if (convolution.attributes.group !== 1) return; // of groups, a weight's second index is no channel of x
  const [x, divisorName] = division.inputs;
  const [, weight, ...bias] = convolution.inputs;
  const { shape, values } = graph.constants.get(weight)!;
  const divisor = graph.constants.get(divisorName)!.values;
  const size = shape[2] * shape[3];
  const divided = values.map((value, i) => value / divisor[Math.floor(i / size) % divisor.length]);
  graph.constant(weight, shape, divided);
  graph.constants.delete(divisorName);
  graph.nodes = graph.nodes
    .filter((node) => node !== division)
    .map((node) => (node === convolution ? { ...node, inputs: [x, weight, ...bias] } : node));
}
