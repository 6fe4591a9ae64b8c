/** What an optimiser is to the training loop. */
import type { Parameter } from "../nn/parameter.js";
import type { Tensor } from "../tensor/index.js";

/** A parameter with the name that its optimiser state has in checkpoints. */
export type NamedParameter = readonly [name: string, parameter: Parameter];

export interface Optimizer {
  /**
   * Changes every parameter that has a gradient, once.
   *
   * @param gradients one for each parameter, in order; undefined for a parameter that no loss touched. Overwritten
   * @param rate      the learning rate of this step
   */
  step(gradients: readonly (Tensor | undefined)[], rate: number): void;
  /** What a resumed run needs, under the names that a checkpoint gives it. */
  state(): Map<string, Tensor>;
}

/** Which parameters weight decay acts on. */
export type DecayRule = (parameter: Parameter) => boolean;

/** The indices of the parameters that have a gradient, optionally only of those that pass a test. */
export function touched(
  gradients: readonly (Tensor | undefined)[],
  test: (index: number) => boolean = () => true,
): number[] {
  return gradients.flatMap((gradient, i) => (gradient !== undefined && test(i) ? [i] : []));
}
