/** What is measured: the networks at the sizes that they are trained at, by AdvProp with PGD-5 and by ordinary training. */
const SIZES = [
  { name: "resnet18-cifar", model: "resnet18-cifar", batchSize: 64, imageSize: 32 },
  { name: "resnet20", model: "resnet20", batchSize: 128, imageSize: 32 },
  { name: "efficientnet-b0-128px", model: "efficientnet-b0", batchSize: 16, imageSize: 128 },
  { name: "efficientnet-b0-224px", model: "efficientnet-b0", batchSize: 32, imageSize: 224 },
];

export const WORKLOADS = SIZES.flatMap((size) => [
  { ...size, name: `${size.name}-advprop`, method: "advprop", attackSteps: 5 },
  { ...size, name: `${size.name}-vanilla`, method: "vanilla", attackSteps: 0 },
]);

/** The names of those that a quick run measures. */
export const QUICK = WORKLOADS.map(({ name }) => name).filter((name) => /^(resnet20|efficientnet-b0-128px)/.test(name));

/** For tests of the scripts themselves. */
const TINY = { model: "resnet8", batchSize: 4, imageSize: 16 };
export const TINY_WORKLOADS = [
  { ...TINY, name: "tiny-advprop", method: "advprop", attackSteps: 1 },
  { ...TINY, name: "tiny-vanilla", method: "vanilla", attackSteps: 0 },
];

/** A network without squeeze and excitation, whose training goes layer by layer. */
const LITE = { model: "efficientnet-lite0", batchSize: 16, imageSize: 128 };
export const LAYERED_WORKLOADS = [
  { ...LITE, name: "efficientnet-lite0-128px-advprop", method: "advprop", attackSteps: 5 },
];

/** The classification of a mini-batch, of the same sizes: bench/evaluation-workload.mjs. */
export const EVALUATIONS = [...SIZES, { ...TINY, name: "tiny" }].map((size) => ({
  ...size,
  name: `${size.name}-evaluation`,
  method: "evaluation",
  attackSteps: 0,
}));

/** How cost grows: one thing at a time, the rest as in the middle. */
const MIDDLE = {
  model: "efficientnet-b0",
  method: "advprop",
  batchSize: 16,
  imageSize: 128,
  attackSteps: 5,
  threads: 0,
};
export const GROWTH = [
  ...[8, 16, 32, 64, 128, 256].map((batchSize) => ({
    ...MIDDLE,
    by: "batch size, at 32 px",
    batchSize,
    imageSize: 32,
  })),
  ...[32, 64, 96, 128, 160, 192, 224].map((imageSize) => ({ ...MIDDLE, by: "image size", imageSize })),
  ...["b0", "b1", "b2", "b3"].map((size) => ({ ...MIDDLE, by: "network", model: `efficientnet-${size}` })),
  ...[1, 2].map((threads) => ({ ...MIDDLE, by: "threads", threads })),
];
