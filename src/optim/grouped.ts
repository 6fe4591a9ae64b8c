/** Groups of parameters with learning rates of their own. */
import type { Tensor } from "../tensor/index.js";
import type { NamedParameter, Optimizer } from "./optimizer.js";

/** Parameters that learn at a multiple of the schedule's rate. */
export interface ParameterGroup {
  readonly parameters: readonly NamedParameter[];
  readonly rateFactor: number;
}

/**
 * One optimiser for each group, of the same kind; the gradients are those of the groups' parameters one after another.
 *
 * @param make makes a group's optimiser
 */
export function groupedOptimizer(
  groups: readonly ParameterGroup[],
  make: (parameters: readonly NamedParameter[]) => Optimizer,
): Optimizer {
  const optimizers = groups.map(({ parameters }) => make(parameters));
  return {
    step(gradients: readonly (Tensor | undefined)[], rate: number): void {
      let start = 0;
      groups.forEach(({ parameters, rateFactor }, i) => {
        optimizers[i].step(gradients.slice(start, start + parameters.length), rate * rateFactor);
        start += parameters.length;
      });
    },
    state: () => new Map(optimizers.flatMap((optimizer) => [...optimizer.state()])),
  };
}
