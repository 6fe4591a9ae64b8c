/** Attacks on any predictor through its logits for 8-bit pixels alone. */

import { type SquareOptions, squareSearch } from "../attacks/square/square.js";
import type { Predictor } from "./predictor.js";
import type { Adversary, ImageShape, Subject } from "./robustness.js";

/**
 * A predictor as the subject of an attack. It accepts 8-bit pixels, so that images are rounded to multiples of 1/255. The images
 * of {@link blackBoxSquare} are such multiples already.
 */
export function blackBoxSubject(predictor: Predictor): Subject {
  return {
    logits: (images, shape) =>
      logitsOf(
        predictor,
        Uint8Array.from(images, (value) => Math.round(value * 255)),
        shape,
      ),
  };
}

/**
 * Square Attack on a predictor. Every query is an image of 8-bit pixels. An L-infinity epsilon is rounded down to a multiple of
 * 1/255. In the L2 norm a query is rounded to 8 bits in a way that stays inside the ball.
 *
 * @throws ERR_EPSILON, ERR_QUERIES, ERR_IMAGE_SIZE as {@link squareSearch}
 */
export function blackBoxSquare(predictor: Predictor, options: SquareOptions): Adversary {
  return {
    name: "square",
    forward: options.queries ?? 5000,
    backward: 0,
    async perturb(batch) {
      const search = squareSearch({ ...batch, range: 255 }, options);
      let turn = search.next([]);
      while (turn.done !== true) {
        turn = search.next(await logitsOf(predictor, Uint8Array.from(turn.value.pixels), batch));
      }
      return turn.value.map((value) => value / 255);
    },
  };
}

/** Logits of 8-bit images. */
const logitsOf = async (predictor: Predictor, pixels: Uint8Array, { height, width }: ImageShape) =>
  predictor.logits({ pixels, height, width });
