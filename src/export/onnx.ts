/** Exports classifiers as ONNX files. The normalisation is in the graph. The metadata describes resizing and cropping. */
import type { Classifier, ModelSpecification, Normalization } from "../models/classifier.js";
import { packageVersion } from "../runs/package-version.js";
import { ELEMENT, encodeOnnx, type GraphValue } from "./onnx-file.js";
import { foldDivision, foldNorms } from "./onnx-fold.js";
import type { OnnxGraph } from "./onnx-graph.js";
import { recordGraph } from "./onnx-record.js";
import { type OnnxPreprocessing, PREPROCESSING_ENTRY } from "./preprocessing.js";
import type { TrainingFacts } from "./safetensors.js";

/** Formats of the input: bytes as decoders return them, or floats in [0, 1] in the layout of PyTorch. */
export const ONNX_INPUTS = ["uint8-nhwc", "float32-nchw"] as const;
export type OnnxInput = (typeof ONNX_INPUTS)[number];

export interface OnnxExportOptions {
  /** By default "uint8-nhwc". */
  readonly input?: OnnxInput;
  /** Whether the output is probabilities instead of logits. */
  readonly softmax?: boolean;
  /** Whether batch norms and the division by the deviation stay separate operators instead of being folded into convolutions. */
  readonly keepNorms?: boolean;
}

/** Known facts about a classifier besides its network. */
export interface OnnxFacts extends TrainingFacts {
  /** Name of the normalisation for weights of another code base. */
  readonly preset?: string;
  /** Accuracy of the last evaluation on clean images through the main batch norms. */
  readonly accuracy?: {
    /** In [0, 1]. */
    readonly value: number;
    readonly images: number;
    readonly data: string;
    readonly split: string;
  };
}

/** The entry of the metadata with {@link OnnxFacts} and the network's name. */
const METADATA = "advprop";

export function onnxPreprocessing(
  { imageSize, view, classes }: ModelSpecification,
  { input = "uint8-nhwc", softmax = false }: OnnxExportOptions,
): OnnxPreprocessing {
  const pixels = { "uint8-nhwc": ["NHWC", "0-255"], "float32-nchw": ["NCHW", "0-1"] } as const;
  const [layout, pixelRange] = pixels[input];
  const output = softmax ? "probabilities" : "logits";
  return { layout, imageSize, channels: "RGB", pixelRange, ...view, output, classes };
}

/**
 * The bytes of an ONNX file (opset 17, IR version 8) that computes the same as a classifier through its main batch norms
 * with running statistics. The input `images` is either uint8 [N, S, S, 3] with bytes, or float32 [N, 3, S, S] with pixels
 * in [0, 1]. S is the classifier's image size, and N is any number. The output is `logits` or `probabilities`, float32 [N,
 * K]. The metadata has `advprop.preprocessing`, the JSON of an {@link OnnxPreprocessing}, and `advprop`, the JSON of {
 * model, ...facts }.
 *
 * @param classifier on the CPU, with activations of float32
 * @throws ERR_EXPORT the network uses an operator without a rule for ONNX
 */
export function onnxOf(classifier: Classifier, options: OnnxExportOptions = {}, facts: OnnxFacts = {}): Uint8Array {
  const { specification } = classifier;
  const { imageSize, classes, name, normalization } = specification;
  const { input = "uint8-nhwc", softmax = false, keepNorms = false } = options;
  const images: GraphValue =
    input === "uint8-nhwc"
      ? { name: "images", element: "uint8", shape: ["batch", imageSize, imageSize, 3] }
      : { name: "images", element: "float32", shape: ["batch", 3, imageSize, imageSize] };
  const begin = (graph: OnnxGraph) =>
    input === "uint8-nhwc" ? normalizedBytes(graph, normalization) : normalized(graph, normalization);
  const graph = recordGraph(classifier.network, imageSize, begin, "logits");
  if (softmax) graph.node("output", "Softmax", ["logits"], { axis: 1 }, "probabilities");
  if (!keepNorms) {
    foldNorms(graph);
    foldDivision(graph);
  }
  return encodeOnnx({
    graph,
    input: images,
    output: { name: softmax ? "probabilities" : "logits", element: "float32", shape: ["batch", classes.length] },
    producerVersion: packageVersion(),
    metadata: {
      [PREPROCESSING_ENTRY]: JSON.stringify(onnxPreprocessing(specification, options)),
      [METADATA]: JSON.stringify({ model: name, ...facts }),
    },
  });
}

/** Bytes [N, S, S, 3] to [N, 3, S, S]: (byte - 255 mean) / (255 deviation). */
function normalizedBytes(graph: OnnxGraph, { mean, deviation }: Normalization): string {
  const floats = graph.node("images", "Cast", ["images"], { to: ELEMENT.float32 });
  const planes = graph.node("images", "Transpose", [floats], { perm: [0, 3, 1, 2] });
  const bytes = (values: readonly number[]) => values.map((value) => 255 * value);
  return centred(graph, planes, bytes(mean), bytes(deviation));
}

/** Pixels [N, 3, S, S] in [0, 1] to (pixel - mean) / deviation. */
const normalized = (graph: OnnxGraph, { mean, deviation }: Normalization): string =>
  centred(graph, "images", mean, deviation);

function centred(graph: OnnxGraph, x: string, mean: readonly number[], deviation: readonly number[]): string {
  const constant = (name: string, values: readonly number[]) =>
    graph.constant(name, [1, 3, 1, 1], Float32Array.from(values));
  const difference = graph.node("images", "Sub", [x, constant("mean", mean)]);
  return graph.node("images", "Div", [difference, constant("deviation", deviation)]);
}
