import { InMemoryDataset } from "../../src/data/datasets/dataset.js";
import { KeyedRandom, Purpose } from "../../src/random.js";

/** A small data set of noise: labels in turn, pixels keyed by the sample. */
export function makeDataset(options: {
  length: number;
  classes: number;
  height?: number;
  width?: number;
}): InMemoryDataset {
  const { length, classes, height = 4, width = 5 } = options;
  const imageBytes = height * width * 3;
  const pixels = new Uint8Array(length * imageBytes);
  for (let sample = 0; sample < length; sample++) {
    const random = new KeyedRandom(1, Purpose.synthesis, 0, sample);
    for (let i = 0; i < imageBytes; i++) pixels[sample * imageBytes + i] = random.integer(i, 256);
  }
  return new InMemoryDataset({
    name: "noise",
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    height,
    width,
    labels: Int32Array.from({ length }, (_, i) => i % classes),
    pixels,
  });
}
