/** Adam with decoupled weight decay. */
import { keep, scalar, type Tensor } from "../tensor/index.js";
import { adamw_, zerosLike } from "../tensor/operators.js";
import {
  checkFactor,
  type Gradients,
  type NamedParameter,
  type Optimizer,
  touched,
  type WeightDecay,
} from "./optimizer.js";

export interface AdamWOptions extends WeightDecay {
  /** Decay of the average of gradients, in [0, 1). */
  readonly beta1: number;
  /** Decay of the average of squared gradients, in [0, 1). */
  readonly beta2: number;
  /** Added outside the root. */
  readonly epsilon: number;
}

/**
 * w -= rate * weightDecay * w;  m = beta1 * m + (1 - beta1) * g;  s = beta2 * s + (1 - beta2) * g^2, both from zero;
 * w -= rate * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon), where t is the number of updates of this parameter, including
 * this one.
 *
 * Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, with the learning rate in the decay, as in
 * torch.optim.AdamW
 *
 * @throws ERR_OPTIMIZER beta1 or beta2 is outside [0, 1)
 */
export class AdamW implements Optimizer {
  readonly #parameters: readonly NamedParameter[];
  readonly #options: AdamWOptions;
  readonly #means: readonly Tensor[];
  readonly #squares: readonly Tensor[];
  /** Number of updates of each parameter, int64 scalars. The parameters of a route may be updated less often than others. */
  readonly #counts: readonly Tensor[];

  constructor(parameters: readonly NamedParameter[], options: AdamWOptions) {
    checkFactor(options.beta1, "adamw: beta1");
    checkFactor(options.beta2, "adamw: beta2");
    this.#parameters = parameters;
    this.#options = options;
    this.#means = parameters.map(([, { data }]) => keep(zerosLike(data)));
    this.#squares = parameters.map(([, { data }]) => keep(zerosLike(data)));
    this.#counts = parameters.map(() => keep(scalar(0, "int64")));
  }

  step(gradients: Gradients, rate: number): void {
    const { beta1, beta2, epsilon } = this.#options;
    const { indices, weights, updates, weightDecays } = touched(this.#parameters, gradients, this.#options);
    const means = indices.map((i) => this.#means[i]);
    const squares = indices.map((i) => this.#squares[i]);
    const counts = indices.map((i) => this.#counts[i]);
    adamw_(weights, means, squares, counts, updates, { rate, beta1, beta2, epsilon, weightDecays });
  }

  state(): Map<string, Tensor> {
    return new Map(
      this.#parameters.flatMap(([name], i) => [
        [`${name}.mean`, this.#means[i]],
        [`${name}.meanSquare`, this.#squares[i]],
        [`${name}.updates`, this.#counts[i]],
      ]),
    );
  }
}
