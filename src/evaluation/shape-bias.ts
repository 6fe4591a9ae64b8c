/** Whether a classifier goes by shape or by texture where the two disagree. */
import type { Predictions } from "./predictions.js";

export interface ShapeBias {
  /** Images whose shape and texture are of different classes. */
  readonly count: number;
  /** Share of these that are taken for their shape's class. */
  readonly shape: number;
  /** Share of these that are taken for their texture's class. */
  readonly texture: number;
  /** shape / (shape + texture); the texture bias is the rest. NaN where neither was ever chosen. */
  readonly shapeBias: number;
  readonly textureBias: number;
}

/**
 * Shape bias on the texture-shape cue conflict images. The folder is the class of the shape; the file's name has the
 * texture's, as in `cat7-elephant1.png`. Images whose shape and texture are of the same class do not count.
 *
 * Source: Geirhos et al. 2019, section 2.3, https://arxiv.org/abs/1811.12231
 *
 * @param files (N) of the images, in the order of the predictions
 * @returns undefined where no image has a texture in its name
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

/** "airplane/airplane1-bicycle2.png" to "bicycle". */
const textureOf = (file: string): string => /-([a-z]+)\d*\.[^.]+$/i.exec(file)?.[1] ?? "";
