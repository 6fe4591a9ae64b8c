/** The nearest point of a hyperplane within the box [0, 1]: the step of FAB, image by image. */
import { scope, type Tensor } from "../../tensor/index.js";
import {
  abs,
  add,
  add_,
  amax,
  clamp,
  div,
  less,
  minimum,
  mul,
  neg,
  onesLike,
  sign,
  sub,
  sum,
  where,
} from "../../tensor/operators.js";
import type { Norm } from "../threat-model.js";

/** The dimensions of one image in [N, C, H, W]. */
const IMAGE = [1, 2, 3];

const SMALLEST_NORMAL_FLOAT = 2 ** -126;

/** No image reaches so far. An infinite distance of one image would stop the search for all images of its batch. */
const UNREACHABLE = 2 ** 60;

/** Newton's method is exact after at most one step per kink of the function; in practice it needs far fewer steps. */
const MOST_STEPS = 60;

/**
 * For each image the delta of the smallest norm with <w, delta> = distance and x + delta in [0, 1].
 *
 * Each pixel moves towards the hyperplane by min(level g, room), where g is 1 in the L-infinity and |w| in the L2 norm, and room is its
 * distance to the side of the box. <w, delta> is then a rising, concave, piecewise linear function of the level, and Newton's method
 * reaches its root from below. If the hyperplane does not meet the box, every pixel moves to the side of the box nearest to it.
 *
 * Source: Croce and Hein 2020, "Minimally distorted adversarial examples with a fast adaptive boundary attack",
 * section 2.2 (the projection's definition), https://arxiv.org/abs/1907.02044
 *
 * @param x        [N, C, H, W] in [0, 1]
 * @param w        [N, C, H, W], the hyperplane's normal; delta is 0 where it is 0
 * @param distance [N, 1, 1, 1], of either sign
 */
export function toHyperplane(norm: Norm, x: Tensor, w: Tensor, distance: Tensor): Tensor {
  return scope(() => {
    // Scaled to a largest weight of 1, so that the size of the gradient does not matter.
    const scale = clamp(amax(abs(w), IMAGE), SMALLEST_NORMAL_FLOAT, null);
    const direction = mul(sign(w), sign(distance));
    const weight = div(abs(w), scale);
    const wanted = clamp(div(abs(distance), scale), null, UNREACHABLE);
    const room = where(less(direction, 0), x, sub(onesLike(x), x));
    const speed = norm === "linf" ? onesLike(x) : weight;
    const level = waterLevel(weight, speed, room, wanted);
    return mul(direction, minimum(mul(speed, level), room));
  });
}

/** The level at which sum weight min(level speed, room) is `wanted`, [N, 1, 1, 1]. */
function waterLevel(weight: Tensor, speed: Tensor, room: Tensor, wanted: Tensor): Tensor {
  const rate = mul(weight, speed);
  const tolerance = wanted.dtype === "float64" ? 1e-14 : 1e-6;
  let level = mul(wanted, 0);
  for (let i = 0; i < MOST_STEPS; i++) {
    const [next, open] = scope(() => {
      const moved = mul(speed, level);
      const filled = sum(mul(weight, minimum(moved, room)), IMAGE, true);
      // The pixels that still have room, which a higher level moves further.
      const slope = sum(mul(rate, less(sub(moved, room), 0)), IMAGE, true);
      const missing = sub(wanted, filled);
      const rise = div(clamp(missing, 0, null), clamp(slope, SMALLEST_NORMAL_FLOAT ** 0.5, null));
      const reachable = mul(add(missing, mul(wanted, -tolerance)), less(neg(slope), 0));
      return [add_(rise, level), amax(reachable, [0]).item()] as const;
    });
    level.dispose();
    level = next;
    if (!(open > 0)) break;
  }
  return level;
}
