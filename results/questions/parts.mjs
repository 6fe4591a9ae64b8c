// What the questions share: the small set, the optimizers and attacks of their recipes, and how candidates and trainings are named.

export const SMALL_SET = {
  model: "resnet20",
  training: { epochs: 100, batchSize: 50, evaluateEveryEpochs: 100, logEverySteps: 100 },
  schedule: { name: "cosine", warmupFraction: 0.05 },
};

/** Seeds of the arms; none of them chose a setting. */
export const SEEDS = [1, 2, 3, 4, 5, 6];
export const CHOOSING_SEED = 100;

export const NO_AUGMENTATION = { augmentation: { crop: 0, flip: false } };
export const CROP_AND_FLIP = { augmentation: { crop: 4, flip: true } };

export const sgd = (lr, weightDecay) => ({ name: "sgd", lr, momentum: 0.9, nesterov: true, weightDecay });
export const oneStep = (epsilon) => ({ name: "pgd", epsilon: `${epsilon}/255`, stepSize: `${epsilon}/255`, steps: 1 });

/** `recipe` with other epochs; the last one alone is validated. */
export const withEpochs = (recipe, epochs) => ({
  ...recipe,
  training: { ...recipe.training, epochs, evaluateEveryEpochs: epochs },
});

/** Six candidates for each arm: three learning rates by two decays, or three strengths, rates and decays. */
const VANILLA = [0.025, 0.05, 0.1].flatMap((lr) => [5e-4, 2e-3].map((weightDecay) => ({ lr, weightDecay })));
const ADVPROP = [
  ...[1, 2, 4].map((epsilon) => ({ lr: 0.05, weightDecay: 5e-4, epsilon })),
  { lr: 0.1, weightDecay: 5e-4, epsilon: 2 },
  { lr: 0.05, weightDecay: 2e-3, epsilon: 2 },
  { lr: 0.1, weightDecay: 2e-3, epsilon: 2 },
];

/** The candidates of vanilla and of AdvProp, each `{ arm, name, recipe }`. */
export const candidatesOf = (question, base, vanilla = VANILLA, advprop = ADVPROP) =>
  [
    ...vanilla.map((one) => ({ arm: "vanilla", method: "vanilla", ...one })),
    ...advprop.map((one) => ({ arm: "advprop", method: "advprop", ...one })),
  ].map(({ arm, method, lr, weightDecay, epsilon }) => ({
    arm,
    name: [question, "settings", arm, `lr${lr}`, `wd${weightDecay}`, ...(epsilon ? [`eps${epsilon}`] : [])].join("-"),
    recipe: {
      ...base,
      method,
      seed: CHOOSING_SEED,
      optimizer: sgd(lr, weightDecay),
      ...(epsilon ? { attack: oneStep(epsilon) } : {}),
    },
  }));

/** Of an attack only the keys that a method uses; all of them where `keys` is undefined. */
export const keysOf = (attack, keys) =>
  attack && Object.fromEntries(Object.entries(attack).filter(([key]) => keys?.includes(key) ?? true));

/** `repetition` is "seed 1" or "fold 0". */
export const trainingName = (question, arm, repetition) =>
  [question, arm.replace(/\W+/g, "-"), repetition.replace(" ", "")].join("-");
