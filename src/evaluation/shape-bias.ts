/** Shape bias: whether a classifier decides by shape or by texture where the two disagree. */
import type { Predictions } from "./predictions.js";

export interface ShapeBias {
  /** Number of images whose shape and texture belong to different classes. */
  readonly count: number;
  /** Share of these that are classified as the class of their shape. */
  readonly shape: number;
  /** Share of these that are classified as the class of their texture. */
  readonly texture: number;
  /** shape / (shape + texture). The texture bias is 1 minus this. NaN where both shares are 0. */
  readonly shapeBias: number;
  readonly textureBias: number;
}

/**
 * Shape bias on the texture-shape cue conflict images. The folder is the class of the shape. The file's name contains the
 * class of the texture, as in `cat7-elephant1.png`. Images whose shape and texture have the same class do not count.
 *
 * Source: Geirhos et al. 2019, section 2.3, https://arxiv.org/abs/1811.12231
 *
 * @param files (N) of the images, in the order of the predictions
 * @returns undefined where no file's name contains a texture
 */
export function shapeBias(
  { classes, labels, predicted }: Pick<Predictions, "classes" | "labels" | "predicted">,
  files: readonly string[],
): ShapeBias | undefined {
  let [count, byShape, byTexture] = [0, 0, 0];
  files.forEach((file, i) => {
    const texture = classes.indexOf(textureOf(file));
    if (texture < 0 || texture === labels[i]) return;
    count++;
    if (predicted[i] === labels[i]) byShape++;
    if (predicted[i] === texture) byTexture++;
  });
  if (count === 0) return undefined;
  const bias = byShape / (byShape + byTexture);
  return { count, shape: byShape / count, texture: byTexture / count, shapeBias: bias, textureBias: 1 - bias };
}

/** "airplane/airplane1-bicycle2.png" gives "bicycle". */
const textureOf = (file: string): string => /-([a-z]+)\d*\.[^.]+$/i.exec(file)?.[1] ?? "";
