/**
 * Pointwise (1x1) convolution, ours against libtorch's (channels-last), in turns within one run: forward, input gradient
 * and weight gradient of every 1x1 layer of EfficientNet-B0.
 *
 *     npm run build && node bench/pointwise.mjs [--batch 16] [--image-size 128] [--threads 1] [--rounds 15] [--only 240]
 *
 * Best of the rounds, because a busy machine only ever adds time. Ours packs its weight in the first round, as a layer does
 * after an update. "x" is libtorch's time over ours in the same dtype. Run it on a quiet machine.
 */
import { parseArgs } from "node:util";
import { scope, setThreads } from "../dist/tensor/index.js";
import { channelsLast, conv2d, full } from "../dist/tensor/operators.js";
import { bestOf, libtorchConvolution, measure, PASSES } from "./passes.mjs";

const { values } = parseArgs({
  options: {
    batch: { type: "string", default: "16" },
    "image-size": { type: "string", default: "128" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "15" },
    only: { type: "string", default: "" },
  },
});
const batch = Number(values.batch);
setThreads(Number(values.threads));

/** Inputs, outputs, share of the image's side. */
const LAYERS = [
  [32, 16, 2],
  [16, 96, 2],
  [96, 24, 4],
  [24, 144, 4],
  [144, 24, 4],
  [144, 40, 8],
  [40, 240, 8],
  [240, 40, 8],
  [240, 80, 16],
  [80, 480, 16],
  [480, 80, 16],
  [480, 112, 16],
  [112, 672, 16],
  [672, 112, 16],
  [672, 192, 32],
  [192, 1152, 32],
  [1152, 192, 32],
  [1152, 320, 32],
  [320, 1280, 32],
].filter(([inputs, outputs]) => [inputs, outputs].includes(Number(values.only || inputs)));

const NO_PADDING = { left: 0, right: 0, top: 0, bottom: 0 };
const totals = PASSES.map(() => [0, 0, 0, 0]);
const number = (value, width, digits) => value.toFixed(digits).padStart(width);
console.log(`batch ${batch}, ${values["image-size"]} px, ${values.threads} thread(s), best of ${values.rounds}`);
console.log("                                    libtorch ms         ours ms        GFLOP/s         x");
console.log("   I     O    H  pass               fp32    bf16     fp32    bf16    fp32  bf16   fp32  bf16");
for (const [inputs, outputs, share] of LAYERS) {
  const side = Math.ceil(Number(values["image-size"]) / share);
  scope(() => {
    const tensors = ["float32", "bfloat16"].map((dtype) => [
      channelsLast(full([batch, inputs, side, side], 0.5, dtype)),
      full([outputs, inputs, 1, 1], 0.25, dtype),
      channelsLast(full([batch, outputs, side, side], 0.125, dtype)),
    ]);
    const ours = (x, weight) => conv2d(x, weight);
    const libtorch = (x, weight) => libtorchConvolution(x, weight, 1, NO_PADDING);
    const contestants = [libtorch, ours].flatMap((convolution) =>
      tensors.map((operands) => () => measure(convolution, ...operands)),
    );
    const best = bestOf(contestants, Number(values.rounds));
    const flops = 2 * batch * side * side * inputs * outputs;
    for (const [pass, name] of PASSES.entries()) {
      const [theirs, theirsHalf, mine, mineHalf] = best.map((times) => times[pass]);
      for (const [i, times] of best.entries()) totals[pass][i] += times[pass];
      console.log(
        `${String(inputs).padStart(4)} ${String(outputs).padStart(5)} ${String(side).padStart(4)}  ${name.padEnd(15)}` +
          [theirs, theirsHalf, mine, mineHalf].map((ms) => number(ms, 8, 3)).join("") +
          number(flops / mine / 1e6, 8, 0) +
          number(flops / mineHalf / 1e6, 6, 0) +
          number(theirs / mine, 7, 2) +
          number(theirsHalf / mineHalf, 6, 2),
      );
    }
  });
}
for (const [pass, name] of PASSES.entries()) {
  const [theirs, theirsHalf, mine, mineHalf] = totals[pass];
  console.log(
    `all layers, ${name}: libtorch ${theirs.toFixed(1)} / ${theirsHalf.toFixed(1)} ms, ours ${mine.toFixed(1)} / ${mineHalf.toFixed(1)} ms, ` +
      `ratio ${(theirs / mine).toFixed(2)} fp32, ${(theirsHalf / mineHalf).toFixed(2)} bf16`,
  );
}
