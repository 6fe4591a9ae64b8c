/** RMSProp with TensorFlow's semantics, as used for the published EfficientNets. */
import { keep, type Tensor } from "../tensor/index.js";
import { onesLike, rmsprop_, zerosLike } from "../tensor/operators.js";
import {
  checkFactor,
  type Gradients,
  type NamedParameter,
  type Optimizer,
  touched,
  type WeightDecay,
} from "./optimizer.js";

export interface RmsPropOptions extends WeightDecay {
  /** Decay of the average of squared gradients, in [0, 1). */
  readonly decay: number;
  /** In [0, 1). */
  readonly momentum: number;
  /** Added inside the root. */
  readonly epsilon: number;
}

/**
 * g = gradient + weightDecay * w;  s = decay * s + (1 - decay) * g^2, s from one;
 * v = momentum * v + rate * g / sqrt(s + epsilon), v from zero;  w -= v.
 *
 * Three things differ from torch.optim.RMSprop: epsilon is inside the root, s starts at one rather than at zero, and the learning rate
 * is part of the velocity.
 *
 * Source: Tieleman and Hinton 2012, lecture 6.5, in the form of tf.compat.v1.train.RMSPropOptimizer
 *
 * @throws ERR_OPTIMIZER decay or momentum is outside [0, 1)
 */
export class RmsProp implements Optimizer {
  readonly #parameters: readonly NamedParameter[];
  readonly #options: RmsPropOptions;
  readonly #squares: readonly Tensor[];
  readonly #velocities: readonly Tensor[];

  constructor(parameters: readonly NamedParameter[], options: RmsPropOptions) {
    checkFactor(options.decay, "rmsprop: decay");
    checkFactor(options.momentum, "rmsprop: momentum");
    this.#parameters = parameters;
    this.#options = options;
    this.#squares = parameters.map(([, { data }]) => keep(onesLike(data)));
    this.#velocities = parameters.map(([, { data }]) => keep(zerosLike(data)));
  }

  step(gradients: Gradients, rate: number): void {
    const { decay, momentum, epsilon } = this.#options;
    const { indices, weights, updates, weightDecays } = touched(this.#parameters, gradients, this.#options);
    const squares = indices.map((i) => this.#squares[i]);
    const velocities = indices.map((i) => this.#velocities[i]);
    rmsprop_(weights, squares, velocities, updates, { rate, decay, momentum, epsilon, weightDecays });
  }

  state(): Map<string, Tensor> {
    return new Map(
      this.#parameters.flatMap(([name], i) => [
        [`${name}.meanSquare`, this.#squares[i]],
        [`${name}.velocity`, this.#velocities[i]],
      ]),
    );
  }
}
