/** Stochastic gradient descent with momentum. */
import { UsageError } from "../errors.js";
import { keep, type Tensor } from "../tensor/index.js";
import { eachAdd_, eachMul_, zerosLike } from "../tensor/operators.js";
import { type DecayRule, type NamedParameter, type Optimizer, touched } from "./optimizer.js";

export interface SgdOptions {
  /** In [0, 1). */
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Added to the gradient as weightDecay * weight: the gradient of (weightDecay / 2) ||weight||^2. */
  readonly weightDecay: number;
  readonly decays: DecayRule;
}

/**
 * g = gradient + weightDecay * w;  v = momentum * v + g, v from zero;  w -= rate * (nesterov ? g + momentum * v : v).
 *
 * The learning rate multiplies the velocity when it is used, as in PyTorch, so that a change of rate acts at once.
 *
 * Source: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html, in the form of torch.optim.SGD
 *
 * @throws ERR_OPTIMIZER momentum is outside [0, 1), or Nesterov without momentum
 */
export class Sgd implements Optimizer {
  readonly #parameters: readonly NamedParameter[];
  readonly #options: SgdOptions;
  readonly #velocities: readonly Tensor[];

  constructor(parameters: readonly NamedParameter[], options: SgdOptions) {
    const { momentum, nesterov } = options;
    if (!(momentum >= 0 && momentum < 1)) {
      throw new UsageError("ERR_OPTIMIZER", `sgd: momentum must be in [0, 1); got ${momentum}`);
    }
    if (nesterov && momentum === 0) {
      throw new UsageError("ERR_OPTIMIZER", "sgd: nesterov needs a momentum above 0; got 0. Set nesterov: false");
    }
    this.#parameters = parameters;
    this.#options = options;
    this.#velocities = momentum === 0 ? [] : parameters.map(([, { data }]) => keep(zerosLike(data)));
  }

  step(gradients: readonly (Tensor | undefined)[], rate: number): void {
    const { momentum, nesterov, weightDecay, decays } = this.#options;
    const weight = (i: number) => this.#parameters[i][1].data;
    const gradient = (i: number) => gradients[i] as Tensor;

    if (weightDecay > 0) {
      const decayed = touched(gradients, (i) => decays(this.#parameters[i][1]));
      if (decayed.length > 0) eachAdd_(decayed.map(gradient), decayed.map(weight), weightDecay);
    }
    const indices = touched(gradients);
    const updates = indices.map(gradient);
    const weights = indices.map(weight);
    if (momentum === 0) {
      eachAdd_(weights, updates, -rate);
      return;
    }
    const velocities = indices.map((i) => this.#velocities[i]);
    eachMul_(velocities, momentum);
    eachAdd_(velocities, updates);
    if (nesterov) {
      eachAdd_(updates, velocities, momentum);
      eachAdd_(weights, updates, -rate);
    } else {
      eachAdd_(weights, velocities, -rate);
    }
  }

  state(): Map<string, Tensor> {
    return new Map(this.#velocities.map((velocity, i) => [`${this.#parameters[i][0]}.velocity`, velocity]));
  }
}
