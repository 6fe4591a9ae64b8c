/** A classifier by colour in an ONNX file, and photos of one colour. */
import { join } from "node:path";
import sharp from "sharp";
import { writeOnnx } from "./onnx.js";

export const COLOUR_CLASSES = ["red", "green", "blue"];

/** Writes the model into a folder, and gives its path: the logit of a class is nine times the mean of its channel. */
export const writeColourModel = (folder: string): string =>
  writeOnnx(join(folder, "colours.onnx"), {
    weights: [
      [9, 0, 0],
      [0, 9, 0],
      [0, 0, 9],
    ],
    metadata: { "advprop.preprocessing": JSON.stringify({ pixelRange: "0-1", classes: COLOUR_CLASSES }) },
  });

/** A JPEG of one of the three colours. */
export const colourPhoto = (colour: number, width = 20, height = 12): Promise<Buffer> => {
  const [r, g, b] = [0, 1, 2].map((channel) => (channel === colour ? 240 : 20));
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
    .jpeg()
    .toBuffer();
};
