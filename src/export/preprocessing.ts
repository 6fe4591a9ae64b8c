/** Describes, for other programs, the preprocessing of images for exported weights, and the outputs. */
import type { ModelSpecification } from "../models/classifier.js";

/** The entry of a file's metadata with a {@link Preprocessing} as JSON. ONNX files are read with the same keys. */
export const PREPROCESSING_ENTRY = "advprop.preprocessing";

export interface Preprocessing {
  /** Side of the square images in pixels. */
  readonly imageSize: number;
  /** Side of the centre crop as a share of the resized short side. */
  readonly cropFraction: number;
  readonly interpolation: string;
  readonly channels: "RGB";
  /** A byte is divided by 255 before the mean is subtracted. */
  readonly pixelRange: "0-1";
  /** By channel: (pixel - mean) / std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Names in the order of the outputs. */
  readonly classes: readonly string[];
}

/** The preprocessing of images for an exported ONNX graph, and its output. The keys are those of `--onnx`. */
export interface OnnxPreprocessing
  extends Pick<Preprocessing, "imageSize" | "cropFraction" | "interpolation" | "channels" | "classes"> {
  readonly layout: "NHWC" | "NCHW";
  /** The values of black and white: 0 and 255 for a graph with bytes as input. The normalisation is in the graph. */
  readonly pixelRange: "0-255" | "0-1";
  readonly output: "logits" | "probabilities";
}

export const preprocessingOf = ({ imageSize, view, normalization, classes }: ModelSpecification): Preprocessing => ({
  imageSize,
  ...view,
  channels: "RGB",
  pixelRange: "0-1",
  mean: normalization.mean,
  std: normalization.deviation,
  classes,
});

/** Number of classes that the text lists. */
const SHOWN_CLASSES = 5;

/** The usual values of other programs. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** The same as lines of text. */
export function describePreprocessing(preprocessing: Preprocessing): string[] {
  const { mean, std, classes } = preprocessing;
  const usual = String(mean) === String(IMAGENET.mean) && String(std) === String(IMAGENET.std);
  const other = usual ? "" : `, not ImageNet's usual ${IMAGENET.mean.join(", ")} and ${IMAGENET.std.join(", ")}`;
  return [
    describeImages(preprocessing),
    `pixels: byte / 255, minus the mean ${mean.join(", ")}, divided by the deviation ${std.join(", ")}${other}`,
    describeOutputs("logits", classes),
  ];
}

/** The input and output of an ONNX graph as lines of text. */
export function describeOnnxPreprocessing(preprocessing: OnnxPreprocessing): string[] {
  const { imageSize: size, layout, output, classes } = preprocessing;
  const input =
    layout === "NHWC"
      ? `uint8 [N, ${size}, ${size}, 3], the bytes as they are`
      : `float32 [N, 3, ${size}, ${size}], byte / 255`;
  return [
    describeImages(preprocessing),
    `input images: ${input}; the graph normalises them`,
    describeOutputs(output, classes),
  ];
}

function describeImages(images: Pick<Preprocessing, "imageSize" | "cropFraction" | "interpolation">): string {
  const { imageSize, cropFraction, interpolation } = images;
  const short = Math.round(imageSize / cropFraction);
  return `images: RGB, short side resized to ${short} pixels (${interpolation}, with antialiasing), then the central ${imageSize} x ${imageSize}`;
}

function describeOutputs(output: string, classes: readonly string[]): string {
  const more = classes.length > SHOWN_CLASSES ? `, ... ${classes[classes.length - 1]}` : "";
  return `outputs: ${output} of ${classes.length} classes in this order: ${classes.slice(0, SHOWN_CLASSES).join(", ")}${more}`;
}
