/** Turns pixels into the input of an ONNX graph. */
import { UsageError } from "../../errors.js";
import { toHalf } from "./half.js";
import { type Normalization, normalizationMistake } from "./onnx-normalization.js";
import type { OnnxSettings } from "./onnx-settings.js";

/** The length of a dimension, or the name (possibly empty) of a dimension of any length. */
export type Dimension = number | string;

/** A graph's input as the runtime describes it. */
export interface GraphInput {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly Dimension[];
}

const TYPES = ["float32", "float16", "uint8"] as const;

/** How pixels become a graph's input, completely specified. */
export interface InputFormat extends Normalization {
  readonly name: string;
  readonly type: (typeof TYPES)[number];
  readonly layout: "NCHW" | "NHWC";
  /** Batch size, if the graph fixes it. */
  readonly batch: number | undefined;
  readonly imageSize: number;
}

/**
 * Determines the input format of a graph from the settings, and from the graph's shape where that is unambiguous.
 *
 * @throws ERR_ONNX the graph does not take images; ERR_PREPROCESSING a setting is missing, or contradicts the graph
 */
export function inputFormat(file: string, { name, type, shape }: GraphInput, settings: OnnxSettings): InputFormat {
  const described = `input ${name}, ${type} [${shape.map((length) => length || "?").join(", ")}]`;
  const known = TYPES.find((one) => one === type);
  if (shape.length !== 4 || known === undefined) {
    throw new UsageError(
      "ERR_ONNX",
      `${file}: the input of an image classifier must have 4 dimensions (batch, colours, height, width) and the type ${TYPES.join(" or ")}; the graph has ${described}`,
    );
  }
  const unknown = (what: string, fix: string) =>
    new UsageError("ERR_PREPROCESSING", `${file}: ${what}; the graph has ${described}. ${fix}`);
  const orSidecar = `, or write it into ${file}.json`;

  const layout = settings.layout ?? layoutOf(shape);
  if (layout === undefined) {
    throw unknown(
      "its layout does not follow from its shape",
      `Add \`onnx.layout: NCHW\` or \`onnx.layout: NHWC\`${orSidecar}`,
    );
  }
  const colours = layout === "NCHW" ? shape[1] : shape[3];
  if (typeof colours === "number" && colours !== 3) {
    throw unknown(
      `in the layout ${layout} it would have ${colours} colours and must have 3`,
      "Give the other `onnx.layout`",
    );
  }
  const [height, width] = layout === "NCHW" ? shape.slice(2) : shape.slice(1, 3);
  const fixed = [height, width].filter((length) => typeof length === "number");
  const imageSize = settings.imageSize ?? fixed[0];
  if (imageSize === undefined) throw unknown("its image size is not fixed", `Add \`onnx.imageSize: 224\`${orSidecar}`);
  const other = fixed.find((length) => length !== imageSize);
  if (other !== undefined) {
    throw unknown(
      settings.imageSize === undefined ? "images must be square" : `it does not take images of ${imageSize} pixels`,
      "Export it for square images, and leave imageSize out",
    );
  }
  const { mean = [0, 0, 0], std = [1, 1, 1], channels = "RGB" } = settings;
  const pixelRange = settings.pixelRange ?? (known === "uint8" ? "0-255" : undefined);
  if (pixelRange === undefined) {
    throw unknown(
      "the range of its pixels is not known",
      "For a network of torchvision or timm add `onnx.pixelRange: 0-1`, `onnx.mean: 0.485,0.456,0.406` and " +
        `\`onnx.std: 0.229,0.224,0.225\`; for one that contains the normalisation \`onnx.pixelRange: 0-1\` or 0-255${orSidecar}`,
    );
  }
  if (known === "uint8" && (pixelRange !== "0-255" || mean.some((m) => m !== 0) || std.some((s) => s !== 1))) {
    throw unknown("an 8-bit input takes pixels as they are", "Leave out pixelRange, mean and std");
  }
  const mistake = normalizationMistake({ channels, pixelRange, mean, std });
  if (mistake !== undefined) throw unknown(...mistake);
  const batch = typeof shape[0] === "number" ? shape[0] : undefined;
  return { name, type: known, layout, batch, imageSize, channels, pixelRange, mean, std };
}

/** The layout of an unambiguous shape, in which exactly one of the two possible colour dimensions has the length 3. */
function layoutOf([, second, , fourth]: readonly Dimension[]): "NCHW" | "NHWC" | undefined {
  if ((second === 3) === (fourth === 3)) return undefined;
  return second === 3 ? "NCHW" : "NHWC";
}

/**
 * Writes images into an input.
 *
 * @param pixels (N, S, S, 3) RGB
 * @returns the input's data for `batch` images; images beyond N are zero
 */
export function packImages(
  { type, layout, imageSize, channels, pixelRange, mean, std }: InputFormat,
  pixels: Uint8Array,
  batch: number,
): Float32Array | Uint16Array | Uint8Array {
  const plane = imageSize * imageSize;
  const length = batch * plane * 3;
  const target =
    type === "float32"
      ? new Float32Array(length)
      : type === "float16"
        ? new Uint16Array(length)
        : new Uint8Array(length);
  const scale = pixelRange === "0-255" ? 1 : 1 / 255;
  const pixelStride = layout === "NHWC" ? 3 : 1;
  const channelStride = layout === "NHWC" ? 1 : plane;
  const images = pixels.length / (plane * 3);
  for (let channel = 0; channel < 3; channel++) {
    const from = channels === "RGB" ? channel : 2 - channel;
    // The input value for each of the 256 bytes.
    const table = Float64Array.from({ length: 256 }, (_, byte) => {
      const value = (byte * scale - mean[channel]) / std[channel];
      return type === "float16" ? toHalf(value) : value;
    });
    for (let n = 0; n < images; n++) {
      let out = n * plane * 3 + channel * channelStride;
      const start = n * plane * 3 + from;
      for (let at = start; at < start + 3 * plane; at += 3) {
        target[out] = table[pixels[at]];
        out += pixelStride;
      }
    }
  }
  return target;
}
