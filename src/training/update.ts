/** From gradients to new weights. */
import type { Optimizer } from "../optim/optimizer.js";
import { type GradientStore, type Tensor, scope } from "../tensor/index.js";
import { eachMul_, eachNorm, norm, stack } from "../tensor/operators.js";

/**
 * Clips the gradients by their global norm and lets the optimiser use them.
 *
 * @param clip        where the L2 norm over all gradients exceeds it, all are multiplied by clip / norm
 * @param onNonFinite called, instead of an update, where the norm is not finite; it throws
 * @returns           the L2 norm before clipping
 */
export function applyGradients(
  store: GradientStore,
  optimizer: Optimizer,
  rate: number,
  clip: number | undefined,
  onNonFinite: () => void,
): number {
  return scope(() => {
    const gradients = store.read();
    const present = gradients.filter((gradient): gradient is Tensor => gradient !== undefined);
    const total = norm(stack(eachNorm(present))).item();
    if (!Number.isFinite(total)) {
      onNonFinite();
      return total;
    }
    if (clip !== undefined && total > clip) eachMul_(present, clip / total);
    optimizer.step(gradients, rate);
    return total;
  });
}
