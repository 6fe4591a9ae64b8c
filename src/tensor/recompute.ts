/** Gradient checkpointing: a part of the graph that is made only when its gradient is asked for. */
import { native } from "./native.js";
import { detach } from "./operators.js";
import { scope } from "./scope.js";
import { Tensor } from "./tensor.js";

/**
 * run(x), of which nothing but x is kept for the gradient. When the gradient is asked for, `run` is called a second time
 * with a graph; it must then give the same result.
 *
 * Source: Chen et al. 2016, Training deep nets with sublinear memory cost, https://arxiv.org/abs/1604.06174
 *
 * @param run    computes the result; `again` says whether this is the second time, the one whose graph counts. What it
 *   uses beside x must live until the gradient has been computed
 * @param x      CPU tensor, unchanged until then
 * @param leaves tensors that require a gradient and that `run` may use the second time; the first time it must not
 */
export function recompute(run: (x: Tensor, again: boolean) => Tensor, x: Tensor, leaves: readonly Tensor[]): Tensor {
  return scope(() => {
    const wanted = x.requiresGradient;
    const output = run(detach(x), false);
    if (!wanted && leaves.length === 0) return output;
    const backward = (input: number, gradient: number): readonly (Tensor | undefined)[] =>
      scope(() => {
        const again = new Tensor(input);
        const result = run(wanted ? again.requireGradient() : again, true);
        const handles = native.gradients(result, wanted ? [again, ...leaves] : leaves, new Tensor(gradient));
        const gradients = handles.map((handle) => (handle === null ? undefined : new Tensor(handle)));
        return wanted ? gradients : [undefined, ...gradients];
      });
    return new Tensor(native.recompute(output, [x, ...leaves], backward));
  });
}
