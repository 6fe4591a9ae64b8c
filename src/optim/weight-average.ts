/** The exponential moving average of a network's weights, which evaluation, the checkpoint `best` and export use. */
import { assert } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { Tensor } from "../tensor/index.js";
import { average_, copy_ } from "../tensor/operators.js";

/**
 * Keeps a second network, the twin, whose weights are the average, so that evaluation can use it like any network:
 *
 * average = d * average + (1 - d) * value, with d = min(decay, (1 + t) / (10 + t)) and t the number of earlier updates,
 *
 * for every parameter and the running statistics of every route. Integer counters are copied. The average starts with the network's
 * values at the time of construction.
 *
 * Source: the official EfficientNet trainer, whose tf.train.ExponentialMovingAverage has `num_updates` and includes the
 * batch norms' moving means and variances (tensorflow/tpu, models/official/efficientnet/main.py)
 */
export class WeightAverage {
  /** The network that holds the average. */
  readonly twin: Module;
  readonly #values: readonly Tensor[];
  readonly #averages: readonly Tensor[];
  readonly #counters: readonly (readonly [value: Tensor, copy: Tensor])[];
  readonly #decay: number;

  /** @param twin an initialised network with the same names and shapes; it is overwritten */
  constructor(network: Module, twin: Module, decay: number) {
    this.twin = twin;
    const twinState = twin.state();
    const pairs = Array.from(network.state(), ([name, value]) => {
      const average = twinState.get(name);
      assert(average !== undefined, `the twin has no ${name}`);
      copy_(average, value);
      return [value, average] as const;
    });
    const floats = pairs.filter(([value]) => value.dtype !== "int64");
    this.#values = floats.map(([value]) => value);
    this.#averages = floats.map(([, average]) => average);
    this.#counters = pairs.filter(([value]) => value.dtype === "int64");
    this.#decay = decay;
  }

  /** Updates the average. @param updates number of updates before this one */
  update(updates: number): void {
    const decay = Math.min(this.#decay, (1 + updates) / (10 + updates));
    average_(this.#averages, this.#values, decay);
    for (const [value, copy] of this.#counters) copy_(copy, value);
  }
}
