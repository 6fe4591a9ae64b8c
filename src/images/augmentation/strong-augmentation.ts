/** The augmentation after crop and flip: colour jitter, then a policy, then random erasing. */
import { type KeyedRandom, Purpose } from "../../random.js";
import { applyAugMix, drawAugMix } from "./aug-mix.js";
import { autoAugment } from "./auto-augment.js";
import type { RgbImage } from "./auto-augment-operations.js";
import { drawCifarOperations } from "./cifar-policy.js";
import { colorJitter } from "./color-jitter.js";
import { applyPolicyOperation, type PolicyOperation } from "./policy-operations.js";
import { drawRandAugment, drawTrivialAugment, type RandAugmentOptions } from "./rand-augment.js";
import { drawErased, erase } from "./random-erasing.js";

/** The policies that a recipe can choose. */
export const AUTO_AUGMENT_POLICIES = ["none", "v0", "cifar10", "rand-augment", "trivial-augment", "aug-mix"] as const;
export type AutoAugmentPolicy = (typeof AUTO_AUGMENT_POLICIES)[number];

/** The defaults of RandAugment, as in torchvision. */
export const DEFAULT_RAND_AUGMENT: RandAugmentOptions = { operations: 2, magnitude: 9 };

export interface StrongAugmentation {
  /** By default none. */
  readonly autoAugment?: AutoAugmentPolicy;
  /** Settings of the policy `rand-augment`; by default {@link DEFAULT_RAND_AUGMENT}. */
  readonly randAugment?: RandAugmentOptions;
  /** Strength in [0, 1); by default 0, which means none. */
  readonly colorJitter?: number;
  /** Probability for each image; by default 0. */
  readonly randomErasing?: number;
}

/** Whether these settings leave images unchanged. */
export const isNeutral = ({ autoAugment = "none", colorJitter = 0, randomErasing = 0 }: StrongAugmentation): boolean =>
  autoAugment === "none" && colorJitter === 0 && randomErasing === 0;

/**
 * Augments an image in place: a pure function of the image, the settings and the keys.
 *
 * @param draws returns the random numbers of a purpose
 */
export function augmentStrongly(
  image: RgbImage,
  settings: StrongAugmentation,
  draws: (purpose: number) => KeyedRandom,
): void {
  const { colorJitter: strength = 0, randomErasing = 0 } = settings;
  if (strength > 0) colorJitter(image, draws(Purpose.colorJitter), strength);
  applyPolicy(image, settings, draws(Purpose.augmentation));
  if (randomErasing > 0) {
    const rectangle = drawErased(image, draws(Purpose.erasing), randomErasing);
    if (rectangle !== undefined) erase(image, rectangle);
  }
}

function applyPolicy(
  image: RgbImage,
  { autoAugment: policy = "none", randAugment = DEFAULT_RAND_AUGMENT }: StrongAugmentation,
  random: KeyedRandom,
): void {
  if (policy === "v0") autoAugment(image, random);
  else if (policy === "aug-mix") applyAugMix(image, drawAugMix(image, random));
  else
    for (const operation of drawOperations(image, policy, randAugment, random)) applyPolicyOperation(image, operation);
}

function drawOperations(
  image: RgbImage,
  policy: Exclude<AutoAugmentPolicy, "v0" | "aug-mix">,
  randAugment: RandAugmentOptions,
  random: KeyedRandom,
): PolicyOperation[] {
  switch (policy) {
    case "none":
      return [];
    case "cifar10":
      return drawCifarOperations(image, random);
    case "rand-augment":
      return drawRandAugment(image, random, randAugment);
    case "trivial-augment":
      return drawTrivialAugment(image, random);
  }
}
