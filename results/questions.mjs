// The questions of the evidence, as recipes. results/ledger.md says why each is asked and how long it takes.

const SMALL_SET = {
  model: "resnet20",
  training: { epochs: 100, batchSize: 50, evaluateEveryEpochs: 100, logEverySteps: 100 },
  schedule: { name: "cosine", warmupFraction: 0.05 },
};

/** 1,000 images to train on, and 2,000 others to choose settings by. */
const CHOOSING = { limitTrain: 3000, validationFraction: 2 / 3 };
const NO_AUGMENTATION = { augmentation: { crop: 0, flip: false } };

const sgd = (lr, weightDecay) => ({ name: "sgd", lr, momentum: 0.9, nesterov: true, weightDecay });
const attack = (epsilon) => ({ name: "pgd", epsilon: `${epsilon}/255`, stepSize: `${epsilon}/255`, steps: 1 });

/** As many candidates for each arm: three learning rates by two decays, or three rates and decays at other strengths. */
const VANILLA = [0.025, 0.05, 0.1].flatMap((lr) => [5e-4, 2e-3].map((weightDecay) => ({ lr, weightDecay })));
const ADVPROP = [
  ...[1, 2, 4].map((epsilon) => ({ lr: 0.05, weightDecay: 5e-4, epsilon })),
  { lr: 0.1, weightDecay: 5e-4, epsilon: 2 },
  { lr: 0.05, weightDecay: 2e-3, epsilon: 2 },
  { lr: 0.1, weightDecay: 2e-3, epsilon: 2 },
];

const settingsOf = (question, augmentation) => () =>
  [
    ...VANILLA.map((one) => ({ arm: "vanilla", method: "vanilla", ...one })),
    ...ADVPROP.map((one) => ({ arm: "advprop", method: "advprop", ...one })),
  ].map(({ arm, method, lr, weightDecay, epsilon }) => ({
    arm,
    name: [question, "settings", arm, `lr${lr}`, `wd${weightDecay}`, ...(epsilon ? [`eps${epsilon}`] : [])].join("-"),
    recipe: {
      ...SMALL_SET,
      method,
      seed: 100,
      data: { ...CHOOSING, ...augmentation },
      optimizer: sgd(lr, weightDecay),
      ...(epsilon ? { attack: attack(epsilon) } : {}),
    },
  }));

export const QUESTIONS = {
  a: {
    title: "A0: settings for 1,000 images without augmentation",
    candidates: settingsOf("a", NO_AUGMENTATION),
  },
  b: {
    title: "B0: settings for 1,000 images with crop and flip",
    candidates: settingsOf("b", { augmentation: { crop: 4, flip: true } }),
  },
};
