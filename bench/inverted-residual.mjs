/**
 * The inverted residual as one operator against its layers one after another (all ours), in turns within one run, for every
 * kind of block of EfficientNet-B0: by running statistics evaluation, forward and input gradient; by the batch's, up to the
 * projection, forward and all gradients.
 *
 *     npm run build && node bench/inverted-residual.mjs [--batch 8] [--image-size 128] [--precision bf16] [--threads 1] [--rounds 15]
 *
 * Milliseconds, best of the rounds, because a busy machine only ever adds time. "products" is what the arithmetic of the 1x1
 * convolutions of one direction alone takes at the rate of a large matrix product, measured first. Run it on a quiet machine.
 */
import { parseArgs } from "node:util";
import { samePadding } from "../dist/nn/layers/same-convolution.js";
import { callAny, GradientStore, scope, setThreads, Tensor } from "../dist/tensor/index.js";
import { invertedResidual, invertedResidualTraining } from "../dist/tensor/inverted-residual.js";
import { native } from "../dist/tensor/native.js";
import { batchNorm, channelsLast, conv2d, detach, full, squeezeExcitation, sum } from "../dist/tensor/operators.js";

const { values } = parseArgs({
  options: {
    batch: { type: "string", default: "8" },
    "image-size": { type: "string", default: "128" },
    precision: { type: "string", default: "bf16" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "15" },
  },
});
const batch = Number(values.batch);
const dtype = values.precision === "fp32" ? "float32" : "bfloat16";
setThreads(Number(values.threads));

/** Inputs, expanded channels, outputs, share of the image's side, side of the kernel, stride, how many of these. */
const BLOCKS = [
  [32, 32, 16, 2, 3, 1, 1],
  [16, 96, 24, 2, 3, 2, 1],
  [24, 144, 24, 4, 3, 1, 1],
  [24, 144, 40, 4, 5, 2, 1],
  [40, 240, 40, 8, 5, 1, 1],
  [40, 240, 80, 8, 3, 2, 1],
  [80, 480, 80, 16, 3, 1, 2],
  [80, 480, 112, 16, 5, 1, 1],
  [112, 672, 112, 16, 5, 1, 2],
  [112, 672, 192, 16, 5, 2, 1],
  [192, 1152, 192, 32, 5, 1, 3],
  [192, 1152, 320, 32, 3, 1, 1],
];
const EPSILON = 1e-3;

const timed = (run) => {
  const start = process.hrtime.bigint();
  const result = run();
  return [Number(process.hrtime.bigint() - start) / 1e6, result];
};

/** The block in all forms, on constant numbers. */
function makeBlock([inputs, expanded, outputs, share, size, stride]) {
  const side = Math.ceil(Number(values["image-size"]) / share);
  const [before, after] = samePadding(side, size, stride);
  const padding = { left: before, right: after, top: before, bottom: after };
  const weight = (shape) => full(shape, 0.01);
  const norm = (channels) => [1, 0.1, 0.1, 1].map((value) => full([channels], value));
  const squeezed = Math.floor(inputs / 4);
  const expand = { weight: weight([expanded, inputs, 1, 1]), norm: norm(expanded) };
  const depthwise = { weight: weight([expanded, 1, size, size]), norm: norm(expanded) };
  const project = { weight: weight([outputs, expanded, 1, 1]), norm: norm(outputs) };
  const squeeze = [[squeezed, expanded, 1, 1], [squeezed], [expanded, squeezed, 1, 1], [expanded]].map(weight);
  const expands = expanded !== inputs;
  const residual = stride === 1 && inputs === outputs;
  const normalize = (y, layer, activation, other, batch = false) => {
    const [scale, shift, runningMean, runningVariance] = layer.norm;
    const statistics = { runningMean, runningVariance, batch, factor: 0, epsilon: EPSILON };
    return batchNorm(y, { scale, shift, ...statistics, residual: other, activation });
  };
  const normalized = ({ weight, norm }) => [weight, ...norm];
  const x = channelsLast(full([batch, inputs, side, side], 0.3, dtype));
  const out = Math.ceil(side / stride);
  const block = {
    expand: expands ? normalized(expand) : undefined,
    depthwise: normalized(depthwise),
    squeeze,
    project: normalized(project),
    stride,
    padding,
    epsilon: EPSILON,
  };
  const depthwiseOf = (y) => conv2d(y, depthwise.weight, { stride, padding, groups: expanded });
  return {
    x,
    slopes: channelsLast(full([batch, outputs, out, out], 0.1, dtype)),
    flops: 2 * batch * expanded * ((expands ? side * side * inputs : 0) + out * out * outputs),
    whole: (input) => invertedResidual(input, block, residual),
    parameters: [expand, depthwise, project]
      .flatMap((layer) => [layer.weight, ...layer.norm.slice(0, 2)])
      .concat(squeeze),
    trained: (input) => invertedResidualTraining(input, block, [0, 0]),
    trainedLayers: (input) => {
      let y = input;
      if (expands) y = normalize(conv2d(y, expand.weight), expand, "silu", undefined, true);
      y = normalize(depthwiseOf(y), depthwise, "silu", undefined, true);
      y = squeezeExcitation(y, ...squeeze);
      return conv2d(y, project.weight);
    },
    layers: (input) => {
      let y = input;
      if (expands) y = normalize(conv2d(y, expand.weight), expand, "silu");
      y = normalize(depthwiseOf(y), depthwise, "silu");
      y = squeezeExcitation(y, ...squeeze);
      return normalize(conv2d(y, project.weight), project, "identity", residual ? input : undefined);
    },
  };
}

const peak = scope(() => {
  const square = full([2048, 2048], 0.5, dtype);
  const runs = Array.from({ length: 5 }, () => timed(() => callAny("aten::matmul", [square, square]))[0]);
  return (2 * 2048 ** 3) / Math.min(...runs);
});
const show = (name, times) => console.log(name.padEnd(26) + times.map((ms) => ms.toFixed(3).padStart(9)).join(""));
const nameOf = ([inputs, expanded, outputs, share, size, stride]) =>
  `${inputs}-${expanded}-${outputs}, 1/${share}, ${size}x${size}, ${stride}`;

/** Shows the best times of `measure(block)`, which gives a list, for every kind of block, and their sum over all blocks. */
function table(measure) {
  const totals = [];
  for (const parts of BLOCKS) {
    scope(() => {
      const block = makeBlock(parts);
      const best = [];
      for (let round = 0; round < Number(values.rounds); round++) {
        for (const [k, ms] of measure(block).entries()) best[k] = Math.min(best[k] ?? Number.POSITIVE_INFINITY, ms);
      }
      best.push(block.flops / peak);
      for (const [k, ms] of best.entries()) totals[k] = (totals[k] ?? 0) + parts[6] * ms;
      show(nameOf(parts), best);
    });
  }
  show("all 16 blocks", totals);
}

console.log(
  `batch ${batch}, ${values["image-size"]} px, ${values.precision}, ${values.threads} thread(s), best of ${values.rounds}`,
);
console.log("\nby running statistics          layers                     one operator");
console.log("block                         eval  forward gradient     eval  forward gradient products");
table(({ x, slopes, layers, whole }) =>
  [layers, whole].flatMap((block) =>
    scope(() => {
      const input = detach(x).requireGradient();
      const [evaluation] = timed(() => block(x));
      const [forward, y] = timed(() => block(input));
      const [gradient] = timed(() => new Tensor(native.gradients(y, [input], slopes)[0]));
      return [evaluation, forward, gradient];
    }),
  ),
);
console.log("\nby the batch's statistics      layers       one operator");
console.log("block                      forward gradient  forward gradient products");
table(({ x, parameters, trainedLayers, trained }) =>
  [trainedLayers, trained].flatMap((block) =>
    scope(() => {
      const input = detach(x);
      const store = new GradientStore([input, ...parameters].map((leaf) => leaf.requireGradient()));
      const [forward, y] = timed(() => block(input));
      const loss = sum(y);
      const [gradient] = timed(() => store.add(loss));
      store.clear();
      return [forward, gradient];
    }),
  ),
);
