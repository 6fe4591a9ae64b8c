/** The interface of optimisers. */
import { UsageError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import type { Tensor } from "../tensor/index.js";

/** A parameter with the name of its optimiser state in checkpoints. */
export type NamedParameter = readonly [name: string, parameter: Parameter];

/** Gradients in the order of the parameters; undefined for a parameter that no loss depends on. */
export type Gradients = readonly (Tensor | undefined)[];

export interface Optimizer {
  /**
   * Updates every parameter that has a gradient.
   *
   * @param gradients one for each parameter, in order
   * @param rate      the learning rate of this step
   */
  step(gradients: Gradients, rate: number): void;
  /** The tensors that a resumed run needs, by their names in checkpoints. */
  state(): Map<string, Tensor>;
}

/** Weight decay, and the parameters that it applies to. */
export interface WeightDecay {
  readonly weightDecay: number;
  readonly decays: (parameter: Parameter) => boolean;
}

/** The parameters that have a gradient: their indices, weights, gradients and weight decays, as lists in the same order. */
export function touched(
  parameters: readonly NamedParameter[],
  gradients: Gradients,
  { weightDecay, decays }: WeightDecay,
) {
  const indices = parameters.map((_, i) => i).filter((i) => gradients[i] !== undefined);
  return {
    indices,
    weights: indices.map((i) => parameters[i][1].data),
    updates: indices.map((i) => gradients[i] as Tensor),
    weightDecays: indices.map((i) => (decays(parameters[i][1]) ? weightDecay : 0)),
  };
}

/** Checks a factor such as a momentum. @throws ERR_OPTIMIZER it is outside [0, 1) */
export function checkFactor(value: number, what: string): void {
  if (value >= 0 && value < 1) return;
  throw new UsageError("ERR_OPTIMIZER", `${what} must be in [0, 1); got ${value}`);
}
