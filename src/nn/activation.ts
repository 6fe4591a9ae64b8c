/** Activations by name. */
import type { Tensor } from "../tensor/index.js";
import { relu_, silu } from "../tensor/operators.js";

export type Activation = "identity" | "relu" | "silu";

/** Applies an activation to a tensor that nothing else uses: the rectifier overwrites it, since its gradient needs only its result. */
export function activate(x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case "identity":
      return x;
    case "relu":
      return relu_(x);
    case "silu":
      return silu(x);
  }
}
