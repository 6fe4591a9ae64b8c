/** Gradients: of an input alone, as attacks need them, or added into a store, as training does. */
import { UsageError } from "../errors.js";
import { native } from "./native.js";
import { add_, detach, eachMul_, mul } from "./operators.js";
import { Tensor } from "./tensor.js";

/**
 * The gradient of a scalar with respect to one tensor. No other gradient is computed, and none is stored.
 *
 * @throws ERR_GRADIENT the loss does not depend on the input
 */
export function gradientOf(loss: Tensor, input: Tensor): Tensor {
  const [handle] = native.gradients(loss, [input]);
  if (handle === null) throw new UsageError("ERR_GRADIENT", "gradientOf: the loss does not depend on the input");
  return new Tensor(handle);
}

/**
 * The gradients of a training step: each loss adds its own as soon as it is known, and its graph is freed, so that only
 * one graph lives at a time.
 */
export class GradientStore {
  readonly #leaves: readonly Tensor[];

  /** @param leaves tensors that require a gradient: the parameters */
  constructor(leaves: readonly Tensor[]) {
    this.#leaves = leaves;
  }

  /**
   * Adds the gradient of weight * loss, a scalar, to the store and returns the loss without the weight, outside of its graph. It is
   * not read: on a GPU that would wait for all that went before.
   *
   * @param weight 1 unless given
   * @throws ERR_SHAPE the loss has several elements; ERR_GRADIENT it depends on nothing that requires a gradient
   */
  add(loss: Tensor, weight = 1): Tensor {
    native.accumulateGradients(weight === 1 ? loss : mul(loss, weight), this.#leaves);
    return detach(loss);
  }

  /**
   * As {@link add}, and gives the gradient of weight * loss with respect to an input that is no leaf of the store, from the same
   * backward pass.
   */
  addWithInput(loss: Tensor, input: Tensor, weight = 1): { readonly loss: Tensor; readonly gradient: Tensor } {
    native.accumulateGradients(weight === 1 ? loss : mul(loss, weight), [...this.#leaves, input]);
    const handle = native.storedGradient(input);
    if (handle === null) throw new UsageError("ERR_GRADIENT", "addWithInput: the loss does not depend on the input");
    native.clearGradients([input]);
    return { loss: detach(loss), gradient: new Tensor(handle) };
  }

  /**
   * Multiplies what `run` adds to the store, leaf by leaf, before it joins the sum so far.
   *
   * @param factors one for each leaf
   */
  scaled<T>(factors: readonly number[], run: () => T): T {
    const earlier = this.read();
    this.clear();
    const result = run();
    const added = this.read();
    for (const factor of new Set(factors)) {
      if (factor !== 1)
        eachMul_(
          added.filter((one, i): one is Tensor => one !== undefined && factors[i] === factor),
          factor,
        );
    }
    if (earlier.every((one) => one === undefined)) return result;
    this.write(added.map((one, i) => (one && earlier[i] ? add_(one, earlier[i]) : (one ?? earlier[i]))));
    return result;
  }

  /** The sum so far, one tensor for each leaf in order; undefined for a leaf that no loss touched. */
  read(): (Tensor | undefined)[] {
    return this.#leaves.map((leaf) => {
      const handle = native.storedGradient(leaf);
      return handle === null ? undefined : new Tensor(handle);
    });
  }

  /** Makes these the sum so far, in the order of {@link read}. */
  write(gradients: readonly (Tensor | undefined)[]): void {
    native.storeGradients(this.#leaves, gradients);
  }

  clear(): void {
    native.clearGradients(this.#leaves);
  }
}
