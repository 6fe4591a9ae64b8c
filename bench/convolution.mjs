/**
 * Dense convolution, ours against libtorch's in turns within one run: forward, input gradient and weight gradient of the layers
 * of ResNet-20 and ResNet-18 for 32 px.
 *
 *     npm run build && node bench/convolution.mjs [--batch 64] [--threads 1] [--rounds 9] [--only 64]
 *
 * Best of the rounds, because a busy machine only ever adds time. GFLOP/s counts the operations of the plain sum, whatever form
 * computes it. "x" is libtorch's time over ours in the same dtype. Run it on a quiet machine.
 */
import { parseArgs } from "node:util";
import { scope, setThreads } from "../dist/tensor/index.js";
import { channelsLast, conv2d, full } from "../dist/tensor/operators.js";
import { bestOf, libtorchConvolution, measure, PASSES } from "./passes.mjs";

const { values } = parseArgs({
  options: {
    batch: { type: "string", default: "64" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "9" },
    only: { type: "string", default: "" },
  },
});
const batch = Number(values.batch);
setThreads(Number(values.threads));

/** Inputs, outputs, side, kernel and stride. */
const LAYERS = [
  [16, 16, 32, 3, 1],
  [32, 32, 16, 3, 1],
  [64, 64, 8, 3, 1],
  [64, 64, 32, 3, 1],
  [128, 128, 16, 3, 1],
  [256, 256, 8, 3, 1],
  [512, 512, 4, 3, 1],
  [16, 32, 32, 3, 2],
  [32, 64, 16, 3, 2],
  [64, 128, 32, 3, 2],
  [128, 256, 16, 3, 2],
  [256, 512, 8, 3, 2],
  [64, 128, 32, 1, 2],
  [256, 512, 8, 1, 2],
].filter(([inputs]) => values.only === "" || inputs === Number(values.only));

console.log(`batch ${batch}, ${values.threads} thread(s), best of ${values.rounds}`);
console.log("                                       libtorch ms        ours ms        GFLOP/s         x");
console.log("  I   O    H  k s  pass               fp32    bf16     fp32    bf16    fp32  bf16  fp32  bf16");
for (const [inputs, outputs, side, kernel, stride] of LAYERS) {
  scope(() => {
    const [padding, result] = [(kernel - 1) / 2, side / stride];
    const sides = { left: padding, right: padding, top: padding, bottom: padding };
    const libtorch = (x, w) => libtorchConvolution(x, w, stride, sides);
    const ours = (x, w) => conv2d(x, w, { stride, padding });
    const tensors = ["float32", "bfloat16"].map((dtype) => [
      channelsLast(full([batch, inputs, side, side], 0.5, dtype)),
      channelsLast(full([outputs, inputs, kernel, kernel], 0.25, dtype)),
      channelsLast(full([batch, outputs, result, result], 0.125, dtype)),
    ]);
    const weight = tensors[0][1];
    const contestants = [
      ...tensors.map(
        ([x, w, slopes]) =>
          () =>
            measure(libtorch, x, w, slopes),
      ),
      ...tensors.map(
        ([x, , slopes]) =>
          () =>
            measure(ours, x, weight, slopes),
      ),
    ];
    const best = bestOf(contestants, Number(values.rounds));
    const flops = 2 * kernel ** 2 * batch * inputs * outputs * result ** 2;
    const number = (value, width, digits) => value.toFixed(digits).padStart(width);
    for (const [pass, name] of PASSES.entries()) {
      const [theirs, theirsHalf, mine, mineHalf] = best.map((times) => times[pass]);
      console.log(
        `${number(inputs, 3, 0)} ${number(outputs, 3, 0)} ${number(side, 4, 0)}  ${kernel} ${stride}  ${name.padEnd(15)}` +
          [theirs, theirsHalf, mine, mineHalf].map((ms) => number(ms, 8, 2)).join("") +
          number(flops / mine / 1e6, 7, 0) +
          number(flops / mineHalf / 1e6, 6, 0) +
          number(theirs / mine, 6, 2) +
          number(theirsHalf / mineHalf, 6, 2),
      );
    }
  });
}
