/** Timing of a convolution's passes, for the benches of single kernels. */
import { callAny, scope, Tensor } from "../dist/tensor/index.js";
import { native } from "../dist/tensor/native.js";
import { detach } from "../dist/tensor/operators.js";

export const PASSES = ["forward", "input gradient", "weight gradient"];

/** libtorch's convolution, which makes a padded copy where the zeros on two sides differ. */
export function libtorchConvolution(x, weight, stride, { left, right, top, bottom }, groups = 1) {
  const even = left === right && top === bottom;
  const input = even ? x : callAny("aten::constant_pad_nd", [x, [left, right, top, bottom]]);
  return callAny("aten::conv2d", [input, weight, null, stride, even ? [top, left] : 0, 1, groups]);
}

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
