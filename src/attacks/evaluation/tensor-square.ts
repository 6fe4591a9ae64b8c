/** Square Attack on a logits function. The search itself is in src/attacks/square/square.ts. */

import { fromArray, scope } from "../../tensor/index.js";
import { cast, permute } from "../../tensor/operators.js";
import type { Attack } from "../attack.js";
import { type SquareOptions, squareSearch } from "../square/square.js";
import { threatModel } from "../threat-model.js";

/**
 * Random search by squares, with pixels that need not lie on the 8-bit grid. It uses no gradient.
 *
 * @throws ERR_EPSILON the radius is not valid for the norm; ERR_QUERIES, ERR_IMAGE_SIZE as {@link squareSearch}
 */
export function square({ norm, epsilon, queries }: Pick<SquareOptions, "norm" | "epsilon" | "queries">): Attack {
  const ball = threatModel(norm, epsilon);
  return {
    perturb: (logits, images, labels, { seed, epoch, samples }) =>
      scope(() => {
        const [, , height, width] = images.shape;
        const search = squareSearch(
          {
            pixels: permute(images, [0, 2, 3, 1]).toArray() as Float32Array | Float64Array,
            labels: labels.toNumbers(),
            samples: samples.toNumbers(),
            height,
            width,
            range: 1,
          },
          { norm, epsilon, queries, seed, epoch },
        );
        const toImages = (pixels: Float32Array) =>
          permute(
            cast(
              fromArray(pixels, [pixels.length / (height * width * 3), height, width, 3], undefined, images.device),
              images.dtype,
            ),
            [0, 3, 1, 2],
          );
        let turn = search.next([]);
        while (turn.done !== true) {
          const { pixels } = turn.value;
          const answer = scope(() => logits(toImages(pixels)).toNumbers());
          turn = search.next(answer);
        }
        // Rounding a sum of float32 pixels and epsilon may leave the ball.
        return ball.project(toImages(turn.value), images);
      }),
  };
}
