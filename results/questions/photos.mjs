// The question on photographs: fine-tuning at 96 pixels with the recipe `photos`, for five epochs.

import { candidatesOf, keysOf, oneStep, sgd, trainingName, withEpochs } from "./parts.mjs";

const FOLDS = 10;
const SEED = 1;
export const PHOTO_SIZE = 96;
const PHOTOS = {
  model: "efficientnet-lite0",
  data: { imageSize: PHOTO_SIZE, cacheMemory: "1GB", augmentation: { flip: true } },
  training: { batchSize: 32, labelSmoothing: 0.1, averageDecay: 0.99 },
  schedule: { name: "cosine", warmupFraction: 0.1 },
};
const FINE_TUNING = withEpochs(PHOTOS, 5);
/** Random weights need longer. */
const FROM_RANDOM = withEpochs(PHOTOS, 15);

const DECAY = 1e-4;
/** Seven candidates for each arm. The sum of two losses makes AdvProp's steps longer, so its strengths are tried at a low rate. */
const VANILLA = [
  { lr: 0.005, weightDecay: DECAY },
  ...[0.01, 0.02, 0.04].flatMap((lr) => [DECAY, 1e-3].map((weightDecay) => ({ lr, weightDecay }))),
];
const ADVPROP = [
  ...[0.5, 1, 2, 4].map((epsilon) => ({ lr: 0.01, weightDecay: DECAY, epsilon })),
  ...[0.005, 0.02, 0.04].map((lr) => ({ lr, weightDecay: DECAY, epsilon: 1 })),
];

const ARMS = [
  { arm: "vanilla", like: "vanilla", method: "vanilla" },
  { arm: "advprop", like: "advprop", method: "advprop" },
  { arm: "clean-copy", like: "advprop", method: "clean-copy", attackKeys: [] },
];

/** Adversarial images without norms of their own: does a gain need the separate norms? From published weights alone. */
const WITHOUT_OWN_NORMS = ["mixture", "adversarial"].map((method) => ({ arm: method, like: "advprop", method }));

/** The rate and the epsilon that the recipe `photos` had on 2026-11-30: are the chosen ones better? From published weights alone. */
const OF_RECIPE = { optimizer: sgd(0.02, DECAY), attack: oneStep(1) };
const ARMS_OF_RECIPE = [
  { arm: "vanilla, rate 0.02", method: "vanilla", settings: OF_RECIPE, attackKeys: [] },
  { arm: "advprop, rate 0.02, 1/255", method: "advprop", settings: OF_RECIPE },
];

/** Folds first, so that pairs are complete early. */
const trainings = (chosen) =>
  [
    {
      group: "from ImageNet's weights",
      base: FINE_TUNING,
      pretrained: true,
      arms: [...ARMS, ...ARMS_OF_RECIPE, ...WITHOUT_OWN_NORMS],
    },
    { group: "from random weights", base: FROM_RANDOM, pretrained: false, arms: ARMS },
  ].flatMap(({ group, base, pretrained, arms }) =>
    Array.from({ length: FOLDS }, (_, fold) =>
      arms.map(({ arm, like, settings = chosen[like], method, attackKeys }) => {
        const { optimizer, attack } = settings;
        const kept = keysOf(attack, attackKeys);
        const full = pretrained ? arm : `${arm}, random weights`;
        const repetition = `fold ${fold}`;
        return {
          arm: full,
          group,
          fold,
          pretrained,
          repetition,
          name: trainingName("c", full, repetition),
          recipe: {
            ...base,
            method,
            seed: SEED,
            optimizer,
            ...(kept && Object.keys(kept).length > 0 && { attack: kept }),
          },
        };
      }),
    ).flat(),
  );

export const PHOTO_QUESTION = {
  title: "C: photographs of clothes, EfficientNet-Lite0 at 96 pixels",
  photos: true,
  folds: FOLDS,
  candidates: () => candidatesOf("c", FINE_TUNING, VANILLA, ADVPROP).map((one) => ({ ...one, pretrained: true })),
  trainings,
  references: ["vanilla", "advprop", "vanilla, rate 0.02", "vanilla, random weights", "advprop, random weights"],
  pairs: [["advprop, rate 0.02, 1/255", "vanilla, rate 0.02"]],
};
