/**
 * 3x3 convolution with stride 1, ours against libtorch's in turns within one run: forward, input gradient and weight gradient
 * of the layers of ResNet-20 and ResNet-18 for 32 px.
 *
 *     npm run build && node bench/convolution.mjs [--batch 64] [--threads 1] [--rounds 9] [--only 64]
 *
 * Best of the rounds, because a busy machine only ever adds time. GFLOP/s counts the operations of the plain sum, whatever form
 * computes it. "x" is libtorch's time over ours in the same dtype. Run it on a quiet machine.
 */
import { parseArgs } from "node:util";
import { scope, setThreads } from "../dist/tensor/index.js";
import { channelsLast, conv2d, conv2d3x3, full } from "../dist/tensor/operators.js";
import { bestOf, measure, PASSES } from "./passes.mjs";

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

/** Channels and side. */
const LAYERS = [
  [16, 32],
  [32, 16],
  [64, 8],
  [64, 32],
  [128, 16],
  [256, 8],
  [512, 4],
].filter(([channels]) => values.only === "" || channels === Number(values.only));

const libtorch = (x, weight) => conv2d(x, weight, undefined, 1, [1, 1]);

console.log(`batch ${batch}, ${values.threads} thread(s), best of ${values.rounds}`);
console.log("                                libtorch ms        ours ms        GFLOP/s         x");
console.log("  C    H  pass               fp32    bf16     fp32    bf16    fp32  bf16  fp32  bf16");
for (const [channels, side] of LAYERS) {
  scope(() => {
    const tensors = ["float32", "bfloat16"].map((dtype) => [
      channelsLast(full([batch, channels, side, side], 0.5, dtype)),
      channelsLast(full([channels, channels, 3, 3], 0.25, dtype)),
      channelsLast(full([batch, channels, side, side], 0.125, dtype)),
    ]);
    const weight = channelsLast(full([channels, channels, 3, 3], 0.25, "float32"));
    const contestants = [
      ...tensors.map(
        ([x, w, slopes]) =>
          () =>
            measure(libtorch, x, w, slopes),
      ),
      ...tensors.map(
        ([x, , slopes]) =>
          () =>
            measure(conv2d3x3, x, weight, slopes),
      ),
    ];
    const best = bestOf(contestants, Number(values.rounds));
    const flops = 18 * batch * channels * channels * side * side;
    const number = (value, width, digits) => value.toFixed(digits).padStart(width);
    for (const [pass, name] of PASSES.entries()) {
      const [theirs, theirsHalf, mine, mineHalf] = best.map((times) => times[pass]);
      console.log(
        `${String(channels).padStart(4)} ${String(side).padStart(3)}  ${name.padEnd(15)}` +
          [theirs, theirsHalf, mine, mineHalf].map((ms) => number(ms, 8, 2)).join("") +
          number(flops / mine / 1e6, 7, 0) +
          number(flops / mineHalf / 1e6, 6, 0) +
          number(theirs / mine, 6, 2) +
          number(theirsHalf / mineHalf, 6, 2),
      );
    }
  });
}
