/** Pooling. */
import type { Tensor } from "../tensor/index.js";
import { mean } from "../tensor/operators.js";

export { avgPool2d, maxPool2d } from "../tensor/operators.js";

/** Mean over height and width: [N, C, H, W] to [N, C]. */
export const globalAveragePool = (x: Tensor): Tensor => mean(x, [2, 3]);
