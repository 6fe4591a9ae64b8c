/**
 * Depthwise convolution, ours against libtorch's (padding and convolution, both channels-last), in turns within one run:
 * forward, input gradient and weight gradient of every depthwise layer of EfficientNet-B0.
 *
 *     npm run build && node bench/depthwise.mjs [--batch 16] [--image-size 128] [--threads 1] [--rounds 15] [--only 240]
 *
 * Best of the rounds, because a busy machine only ever adds time. GFLOP/s counts two operations for each tap of each output
 * pixel (borders included); GB/s counts what must at least be read and written: x and y, or the gradients in their place.
 * "x" is libtorch's time over ours in the same dtype, "x best" its better dtype over our bfloat16. Run it on a quiet machine.
 */
import { parseArgs } from "node:util";
import { samePadding } from "../dist/nn/layers/same-convolution.js";
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
const imageSize = Number(values["image-size"]);
setThreads(Number(values.threads));

/** Channels, share of the image's side, side of the kernel, stride. */
const LAYERS = [
  [32, 2, 3, 1],
  [96, 2, 3, 2],
  [144, 4, 3, 1],
  [144, 4, 5, 2],
  [240, 8, 5, 1],
  [240, 8, 3, 2],
  [480, 16, 3, 1],
  [480, 16, 5, 1],
  [672, 16, 5, 1],
  [672, 16, 5, 2],
  [1152, 32, 5, 1],
  [1152, 32, 3, 1],
].filter(([channels]) => values.only === "" || channels === Number(values.only));

const ours = (x, weight, stride, padding) => conv2d(x, weight, { stride, padding, groups: x.shape[1] });
const libtorch = (x, weight, stride, padding) => libtorchConvolution(x, weight, stride, padding, x.shape[1]);

const totals = PASSES.map(() => [0, 0, 0, 0]);
console.log(`batch ${batch}, ${imageSize} px, ${values.threads} thread(s), best of ${values.rounds}`);
console.log(
  "                                          libtorch ms        ours ms            GFLOP/s       GB/s      x    x     x",
);
console.log(
  "  C    H  k  s  pass               fp32    bf16     fp32    bf16    fp32  bf16  fp32  bf16   fp32 bf16  best",
);
for (const [channels, share, size, stride] of LAYERS) {
  const side = Math.ceil(imageSize / share);
  const [before, after] = samePadding(side, size, stride);
  const padding = { left: before, right: after, top: before, bottom: after };
  const out = Math.ceil(side / stride);
  scope(() => {
    const tensors = ["float32", "bfloat16"].map((dtype) => [
      channelsLast(full([batch, channels, side, side], 0.5, dtype)),
      full([channels, 1, size, size], 0.25, dtype),
      channelsLast(full([batch, channels, out, out], 0.125, dtype)),
    ]);
    const contestants = [libtorch, ours].flatMap((convolution) =>
      tensors.map(
        ([x, weight, slopes]) =>
          () =>
            measure((a, b) => convolution(a, b, stride, padding), x, weight, slopes),
      ),
    );
    const best = bestOf(contestants, Number(values.rounds));
    const flops = 2 * batch * channels * out * out * size * size;
    const elements = batch * channels * (side * side + out * out);
    for (const [pass, name] of PASSES.entries()) {
      const [theirs, theirsHalf, mine, mineHalf] = best.map((times) => times[pass]);
      for (const [i, times] of best.entries()) totals[pass][i] += times[pass];
      const number = (value, width, digits) => value.toFixed(digits).padStart(width);
      console.log(
        `${String(channels).padStart(4)} ${String(side).padStart(4)} ${size}  ${stride}  ${name.padEnd(15)}` +
          [theirs, theirsHalf, mine, mineHalf]
            .map((ms) => number(ms, 9, 3))
            .join("")
            .replace(/^ /, "") +
          number(flops / mine / 1e6, 7, 0) +
          number(flops / mineHalf / 1e6, 6, 0) +
          number((4 * elements) / mine / 1e6, 6, 0) +
          number((2 * elements) / mineHalf / 1e6, 6, 0) +
          number(theirs / mine, 7, 1) +
          number(theirsHalf / mineHalf, 5, 1) +
          number(Math.min(theirs, theirsHalf) / mineHalf, 6, 1),
      );
    }
  });
}
for (const [pass, name] of PASSES.entries()) {
  const [theirs, theirsHalf, mine, mineHalf] = totals[pass];
  console.log(
    `all layers, ${name}: libtorch ${theirs.toFixed(1)} / ${theirsHalf.toFixed(1)} ms, ours ${mine.toFixed(1)} / ${mineHalf.toFixed(1)} ms, ` +
      `ratio ${(theirs / mine).toFixed(1)} fp32, ${(theirsHalf / mineHalf).toFixed(1)} bf16, ${(Math.min(theirs, theirsHalf) / mineHalf).toFixed(1)} best`,
  );
}
