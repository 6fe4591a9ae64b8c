/**
 * `shapes`, the built-in set: rendered silhouettes of ten kinds, so that everything can be tried without any file. Results on
 * this synthetic set may not hold on photographs (docs/shapes.md).
 */

import { UsageError } from "../../errors.js";
import { checkSeed } from "../../random.js";
import { InMemoryDataset } from "../datasets/dataset.js";
import { Renderer } from "./render.js";
import { drawScene, drawTexture } from "./scene.js";
import { SILHOUETTES } from "./silhouettes.js";

/** Names of the classes by label. */
export const SHAPES_CLASSES: readonly string[] = Object.keys(SILHOUETTES);

const SPLITS = ["train", "validation", "test"] as const;

export type ShapesSplit = (typeof SPLITS)[number];

/** The smallest and the largest side of the images in pixels. */
export const SHAPES_SIZES = [32, 224] as const;
export const isShapesSize = (size: number): boolean =>
  Number.isInteger(size) && size >= SHAPES_SIZES[0] && size <= SHAPES_SIZES[1];

export interface ShapesOptions {
  readonly split: ShapesSplit;
  /** Number of images. Image i is the same for every count. */
  readonly count: number;
  /** Side in pixels, 32 .. 224. The same image at another size shows the same scene. */
  readonly size: number;
  readonly seed: number;
  /**
   * Probability that an object has the texture of its class; otherwise it has any of the ten. With 0 (the default) texture
   * carries no information about the class. With rho, a share rho + (1 - rho) / 10 of the objects have the texture of their
   * class.
   */
  readonly textureCorrelation?: number;
  /** `stylised` gives every object the texture of another class, and changes nothing else in the image. */
  readonly variant?: "clean" | "stylised";
}

/**
 * Renders a part of the set into memory. Image i has class i mod 10. Everything in it is keyed by (seed, split, i).
 *
 * @throws UsageError ERR_SHAPES where the count is not a positive integer, the size not an integer in [32, 224], the
 *   correlation not in [0, 1], or a correlation is given for stylised images
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 */
export function shapesDataset({
  split,
  count,
  size,
  seed,
  textureCorrelation = 0,
  variant = "clean",
}: ShapesOptions): InMemoryDataset {
  checkSeed(seed, "shapesDataset");
  check(Number.isInteger(count) && count >= 1, `count must be a positive integer; got ${count}.`);
  check(isShapesSize(size), `size must be an integer from ${SHAPES_SIZES.join(" to ")}; got ${size}.`);
  check(
    textureCorrelation >= 0 && textureCorrelation <= 1,
    `textureCorrelation must be in [0, 1], a share of the images; got ${textureCorrelation}.`,
  );
  check(
    variant === "clean" || textureCorrelation === 0,
    `textureCorrelation must be 0 for stylised images, which always have the texture of another class; got ${textureCorrelation}.`,
  );

  const classes = SHAPES_CLASSES.length;
  const labels = Int32Array.from({ length: count }, (_, index) => index % classes);
  const imageBytes = size * size * 3;
  const pixels = new Uint8Array(count * imageBytes);
  const renderer = new Renderer(size);
  const foreign = variant === "stylised";
  labels.forEach((label, index) => {
    const key = { seed, split: SPLITS.indexOf(split), index };
    const texture = drawTexture(key, label, classes, textureCorrelation, foreign);
    renderer.render(drawScene(key, label, texture), pixels.subarray(index * imageBytes, (index + 1) * imageBytes));
  });
  const name = foreign ? "shapes, stylised" : "shapes";
  return new InMemoryDataset({ name, classes: SHAPES_CLASSES, height: size, width: size, labels, pixels });
}

function check(holds: boolean, rule: string): void {
  if (!holds) throw new UsageError("ERR_SHAPES", `shapesDataset: ${rule}`);
}
