/** What happens to gradients between the losses and the optimiser. */
import type { Gradients } from "../optim/optimizer.js";
import { scope, type Tensor } from "../tensor/index.js";
import { eachMul_, eachNorm, norm, stack } from "../tensor/operators.js";

const present = (gradients: Gradients): Tensor[] => gradients.filter((gradient) => gradient !== undefined);

/** The L2 norm over all elements of all gradients. */
export function globalNorm(gradients: Gradients): number {
  return scope(() => norm(stack(eachNorm(present(gradients)))).item());
}

/** Where their norm exceeds `most`, multiplies all gradients by most / norm. */
export function clipGradients(gradients: Gradients, gradientNorm: number, most: number): void {
  if (gradientNorm > most) eachMul_(present(gradients), most / gradientNorm);
}
