/** Stochastic gradient descent with momentum. */
import { UsageError } from "../errors.js";
import { keep, type Tensor } from "../tensor/index.js";
import { sgd_, zerosLike } from "../tensor/operators.js";
import {
  checkFactor,
  type Gradients,
  type NamedParameter,
  type Optimizer,
  touched,
  type WeightDecay,
} from "./optimizer.js";

export interface SgdOptions extends WeightDecay {
  /** In [0, 1). */
  readonly momentum: number;
  readonly nesterov: boolean;
}

/**
 * g = gradient + weightDecay * w;  v = momentum * v + g, v from zero;  w -= rate * (nesterov ? g + momentum * v : v).
 *
 * The learning rate multiplies the velocity when it is used, as in PyTorch, so that a change of the rate has an immediate effect.
 *
 * Source: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html, in the form of torch.optim.SGD
 *
 * @throws ERR_OPTIMIZER momentum is outside [0, 1), or nesterov is true and momentum is 0
 */
export class Sgd implements Optimizer {
  readonly #parameters: readonly NamedParameter[];
  readonly #options: SgdOptions;
  readonly #velocities: readonly Tensor[];

  constructor(parameters: readonly NamedParameter[], options: SgdOptions) {
    const { momentum, nesterov } = options;
    checkFactor(momentum, "sgd: momentum");
    if (nesterov && momentum === 0) {
      throw new UsageError("ERR_OPTIMIZER", "sgd: nesterov needs a momentum above 0; got 0. Set nesterov: false");
    }
    this.#parameters = parameters;
    this.#options = options;
    this.#velocities = momentum === 0 ? [] : parameters.map(([, { data }]) => keep(zerosLike(data)));
  }

  step(gradients: Gradients, rate: number): void {
    const { momentum, nesterov } = this.#options;
    const { indices, weights, updates, weightDecays } = touched(this.#parameters, gradients, this.#options);
    const velocities = momentum === 0 ? [] : indices.map((i) => this.#velocities[i]);
    sgd_(weights, velocities, updates, { rate, momentum, nesterov, weightDecays });
  }

  state(): Map<string, Tensor> {
    return new Map(this.#velocities.map((velocity, i) => [`${this.#parameters[i][0]}.velocity`, velocity]));
  }
}
