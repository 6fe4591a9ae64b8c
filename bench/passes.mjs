/** Timing of a convolution's passes, for the benches of single kernels. */
import { scope, Tensor } from "../dist/tensor/index.js";
import { native } from "../dist/tensor/native.js";
import { detach } from "../dist/tensor/operators.js";

export const PASSES = ["forward", "input gradient", "weight gradient"];

/** The gradient of one tensor, given that of the result. */
const gradient = (y, input, slopes) => new Tensor(native.gradients(y, [input], slopes)[0]);

/** Milliseconds of each pass of `convolution(x, weight)`, `slopes` being the gradient of its result. */
export function measure(convolution, x, weight, slopes) {
  return scope(() => {
    const timed = (run) => {
      const start = process.hrtime.bigint();
      scope(() => {
        run();
      });
      return Number(process.hrtime.bigint() - start) / 1e6;
    };
    const forward = timed(() => convolution(x, weight));
    const input = detach(x).requireGradient();
    const y = convolution(input, weight);
    const inputGradient = timed(() => gradient(y, input, slopes));
    const kernel = detach(weight).requireGradient();
    const z = convolution(x, kernel);
    const weightGradient = timed(() => gradient(z, kernel, slopes));
    return [forward, inputGradient, weightGradient];
  });
}

/** The best time of each pass of each contestant, a function that gives the times of its passes, in turns. */
export function bestOf(contestants, rounds) {
  const best = contestants.map(() => PASSES.map(() => Number.POSITIVE_INFINITY));
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      for (const [pass, ms] of contestant().entries()) best[i][pass] = Math.min(best[i][pass], ms);
    }
  }
  return best;
}
