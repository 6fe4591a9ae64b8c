/** Classifiers as ONNX files: normalisation inside, resizing and cropping outside, recorded in the metadata. */
import type { Classifier, ModelSpecification, Normalization } from "../models/classifier.js";
import { packageVersion } from "../runs/package-version.js";
import { ELEMENT, encodeOnnx, type GraphValue } from "./onnx-file.js";
import { foldDivision, foldNorms } from "./onnx-fold.js";
import type { OnnxGraph } from "./onnx-graph.js";
import { recordGraph } from "./onnx-record.js";
import { type OnnxPreprocessing, PREPROCESSING_ENTRY } from "./preprocessing.js";
import type { TrainingFacts } from "./safetensors.js";

/** Forms of the input: bytes as every decoder gives them, or floats in [0, 1] in PyTorch's order. */
export const ONNX_INPUTS = ["uint8-nhwc", "float32-nchw"] as const;
export type OnnxInput = (typeof ONNX_INPUTS)[number];

export interface OnnxExportOptions {
  /** By default "uint8-nhwc". */
  readonly input?: OnnxInput;
  /** Whether the output is probabilities rather than logits. */
  readonly softmax?: boolean;
  /** Whether batch norms and the pixels' deviation stay operators of their own rather than being folded into convolutions. */
  readonly keepNorms?: boolean;
}

/** What is known of a classifier beside its network. */
export interface OnnxFacts extends TrainingFacts {
  /** Normalisation of weights of another code base, by its name. */
  readonly preset?: string;
  /** As it was measured last, on clean images through the main batch norms. */
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
 * The bytes of an ONNX file (opset 17, IR version 8) that computes what a classifier computes through its main batch norms by
 * running statistics. The input `images` is uint8 [N, S, S, 3] with bytes, or float32 [N, 3, S, S] with pixels in [0, 1], S the
 * classifier's image size and N any number; the output is `logits` or `probabilities`, float32 [N, K]. The metadata has
 * `advprop.preprocessing`, the JSON of an {@link OnnxPreprocessing}, and `advprop`, the JSON of { model, ...facts }.
 *
 * @param classifier on the CPU, with activations of float32
 * @throws ERR_EXPORT the network uses an operator that ONNX export does not know
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

/** [N, S, S, 3] bytes to [N, 3, S, S]: (byte - 255 mean) / (255 deviation). */
function normalizedBytes(graph: OnnxGraph, { mean, deviation }: Normalization): string {
  const floats = graph.node("images", "Cast", ["images"], { to: ELEMENT.float32 });
  const planes = graph.node("images", "Transpose", [floats], { perm: [0, 3, 1, 2] });
  const bytes = (values: readonly number[]) => values.map((value) => 255 * value);
  return centred(graph, planes, bytes(mean), bytes(deviation));
}

/** (pixel - mean) / deviation of [N, 3, S, S] in [0, 1]. */
const normalized = (graph: OnnxGraph, { mean, deviation }: Normalization): string =>
  centred(graph, "images", mean, deviation);

function centred(graph: OnnxGraph, x: string, mean: readonly number[], deviation: readonly number[]): string {
  const constant = (name: string, values: readonly number[]) =>
    graph.constant(name, [1, 3, 1, 1], Float32Array.from(values));
  const difference = graph.node("images", "Sub", [x, constant("mean", mean)]);
  return graph.node("images", "Div", [difference, constant("deviation", deviation)]);
}
