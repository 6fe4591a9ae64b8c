/** Random erasing (Zhong et al. 2020, https://arxiv.org/abs/1708.04896) of 8-bit images. */
import type { KeyedRandom } from "../../random.js";
import { FILL } from "./affine.js";
import type { RgbImage } from "./auto-augment-operations.js";

// Ranges of the paper and of torchvision: share of the area, and height / width.
const AREA = [0.02, 1 / 3] as const;
const ASPECT = [0.3, 3.3] as const;
/** Maximum number of rectangles that are drawn. If none fits, the image stays. */
const TRIES = 10;
const DRAWS = 4;
const CHANNELS = 3;

export interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Draws a rectangle; undefined where the image stays. @param probability in [0, 1] */
export function drawErased(
  { height, width }: Pick<RgbImage, "height" | "width">,
  random: KeyedRandom,
  probability: number,
): Rectangle | undefined {
  if (random.uniform(0) >= probability) return undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const draw = 1 + DRAWS * attempt;
    const area = height * width * (AREA[0] + random.uniform(draw) * (AREA[1] - AREA[0]));
    const aspect = Math.exp(Math.log(ASPECT[0]) + random.uniform(draw + 1) * Math.log(ASPECT[1] / ASPECT[0]));
    const size = { height: Math.round(Math.sqrt(area * aspect)), width: Math.round(Math.sqrt(area / aspect)) };
    if (size.height < 1 || size.width < 1 || size.height >= height || size.width >= width) continue;
    const top = random.integer(draw + 2, height - size.height + 1);
    const left = random.integer(draw + 3, width - size.width + 1);
    return { top, left, ...size };
  }
  return undefined;
}

/** Makes a rectangle middle grey in place. */
export function erase({ pixels, width }: RgbImage, rectangle: Rectangle): void {
  for (let row = rectangle.top; row < rectangle.top + rectangle.height; row++) {
    const start = (row * width + rectangle.left) * CHANNELS;
    pixels.fill(FILL, start, start + rectangle.width * CHANNELS);
  }
}
