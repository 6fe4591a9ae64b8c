// The questions of the evidence, as recipes. results/ledger.md says why each is asked and how long it takes.
// Settings are chosen by candidates on validation images; arms then run with the chosen settings on fresh seeds.

const SMALL_SET = {
  model: "resnet20",
  training: { epochs: 100, batchSize: 50, evaluateEveryEpochs: 100, logEverySteps: 100 },
  schedule: { name: "cosine", warmupFraction: 0.05 },
};

/** 1,000 images to train on, and 2,000 others to choose settings by. */
const CHOOSING = { limitTrain: 3000, validationFraction: 2 / 3 };
const CHOOSING_SEED = 100;
/** Seeds of the arms; none of them chose a setting. */
const SEEDS = [1, 2, 3, 4, 5, 6];
const NO_AUGMENTATION = { augmentation: { crop: 0, flip: false } };
const CROP_AND_FLIP = { augmentation: { crop: 4, flip: true } };

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

const candidatesOf = (question, augmentation) =>
  [
    ...VANILLA.map((one) => ({ arm: "vanilla", method: "vanilla", ...one })),
    ...ADVPROP.map((one) => ({ arm: "advprop", method: "advprop", ...one })),
  ].map(({ arm, method, lr, weightDecay, epsilon }) => ({
    arm,
    name: [question, "settings", arm, `lr${lr}`, `wd${weightDecay}`, ...(epsilon ? [`eps${epsilon}`] : [])].join("-"),
    recipe: {
      ...SMALL_SET,
      method,
      seed: CHOOSING_SEED,
      data: { ...CHOOSING, ...augmentation },
      optimizer: sgd(lr, weightDecay),
      ...(epsilon ? { attack: attack(epsilon) } : {}),
    },
  }));

/** What a vanilla training pass costs an arm of one attack step, in passes of vanilla: two passes and two thirds for the step. */
const ADVPROP_UNITS = 8 / 3;

/** Arms with whose settings they run: a control of AdvProp takes AdvProp's, a control of vanilla takes vanilla's. */
const ARMS_A = [
  { arm: "vanilla", like: "vanilla", recipe: { method: "vanilla" } },
  { arm: "advprop", like: "advprop", recipe: { method: "advprop" } },
  { arm: "sign-noise", like: "advprop", recipe: { method: "sign-noise" }, attack: ["epsilon"] },
  { arm: "clean-copy", like: "advprop", recipe: { method: "clean-copy" }, attack: [] },
  {
    arm: "vanilla, equal compute",
    like: "vanilla",
    recipe: { method: "vanilla" },
    epochs: Math.round(ADVPROP_UNITS * SMALL_SET.training.epochs),
  },
  { arm: "mixture", like: "advprop", recipe: { method: "mixture" } },
  { arm: "adversarial", like: "advprop", recipe: { method: "adversarial" } },
  { arm: "vanilla-doubled", like: "vanilla", recipe: { method: "vanilla-doubled" } },
  { arm: "vanilla-two-views", like: "vanilla", recipe: { method: "vanilla-two-views" } },
];

/** The trainings of the arms, seed by seed, so that pairs are complete early. `chosen` gives the recipe of each arm's best candidate. */
const trainingsOf = (question, augmentation, arms) => (chosen) =>
  SEEDS.flatMap((seed) =>
    arms.map(({ arm, like, recipe, attack: keys, epochs }) => {
      const { optimizer, attack: whole } = chosen[like];
      const kept = whole && Object.fromEntries(Object.entries(whole).filter(([key]) => keys?.includes(key) ?? true));
      return {
        arm,
        seed,
        name: [question, arm.replace(/\W+/g, "-"), `seed${seed}`].join("-"),
        recipe: {
          ...SMALL_SET,
          ...recipe,
          ...(epochs && { training: { ...SMALL_SET.training, epochs, evaluateEveryEpochs: epochs } }),
          seed,
          data: { limitTrain: 1000, ...augmentation },
          optimizer,
          ...(kept && Object.keys(kept).length > 0 && { attack: kept }),
        },
      };
    }),
  );

export const QUESTIONS = {
  a: {
    title: "A: 1,000 images without augmentation",
    candidates: () => candidatesOf("a", NO_AUGMENTATION),
    trainings: trainingsOf("a", NO_AUGMENTATION, ARMS_A),
  },
  b: {
    title: "B: 1,000 images with crop and flip",
    candidates: () => candidatesOf("b", CROP_AND_FLIP),
    trainings: trainingsOf("b", CROP_AND_FLIP, ARMS_A.slice(0, 2)),
  },
};

/** The best candidate's recipe of each arm; `missing` names candidates that have not run. */
export function chosenSettings(candidates, runs) {
  const missing = candidates.filter(({ name }) => !runs.has(name)).map(({ name }) => name);
  const chosen = {};
  for (const one of candidates) {
    const score = ({ name }) => runs.get(name)?.last.accuracy ?? -1;
    if (chosen[one.arm] === undefined || score(one) > score(chosen[one.arm])) chosen[one.arm] = one;
  }
  return { chosen: Object.fromEntries(Object.entries(chosen).map(([arm, { recipe }]) => [arm, recipe])), missing };
}
