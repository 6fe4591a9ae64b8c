/** Groups of parameters with different learning rates. */
import type { Tensor } from "../tensor/index.js";
import type { NamedParameter, Optimizer } from "./optimizer.js";

/** Parameters whose learning rate is the schedule's rate times a factor. */
export interface ParameterGroup {
  readonly parameters: readonly NamedParameter[];
  readonly rateFactor: number;
}

/**
 * One optimiser for each group, all of the same kind. Gradients are passed as one list, in the order of the groups and their parameters.
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
