/**
 * AugMix (Hendrycks et al. 2020, https://arxiv.org/abs/1912.02781) without its consistency loss: chains of operations, mixed with
 * each other and with the image. Settings of its published code (google-research/augmix): width 3, depth 1 to 3, severity 3,
 * alpha 1.
 */
import type { KeyedRandom } from "../../random.js";
import type { RgbImage } from "./auto-augment-operations.js";
import { DIRECTED, sideOf, VALUE_OF_LEVEL } from "./cifar-policy.js";
import { applyPolicyOperation, type PolicyOperation, type PolicyOperationName } from "./policy-operations.js";

const WIDTH = 3;
const MAX_DEPTH = 3;
const SEVERITY = 3;
/** The lowest level of an operation. The highest is the severity. */
const LEAST_LEVEL = 0.1;
/** Operations that are not among ImageNet-C's corruptions. */
const NAMES: readonly PolicyOperationName[] = [
  "AutoContrast",
  "Equalize",
  "Posterize",
  "Rotate",
  "Solarize",
  "ShearX",
  "ShearY",
  "TranslateX",
  "TranslateY",
];
/** The largest translation of the published code, as a share of the side. */
const TRANSLATION = 1 / 3;

/** The random choices for an image. */
export interface AugMixDraw {
  /** The operations of each chain, in order. */
  readonly chains: readonly (readonly PolicyOperation[])[];
  /** Weights of the chains, with sum 1. */
  readonly weights: readonly number[];
  /** Weight of the mixed chains. The weight of the image is 1 - share. */
  readonly share: number;
}

/** Number of draws of a chain: its depth and weight; for each operation its name, level and direction. */
const DRAWS = 2 + 3 * MAX_DEPTH;

export function drawAugMix(image: RgbImage, random: KeyedRandom): AugMixDraw {
  const firsts = Array.from({ length: WIDTH }, (_, chain) => 1 + chain * DRAWS);
  const chains = firsts.map((first) =>
    Array.from({ length: 1 + random.integer(first, MAX_DEPTH) }, (_, i): PolicyOperation => {
      const draw = first + 2 + 3 * i;
      const name = NAMES[random.integer(draw, NAMES.length)];
      const level = LEAST_LEVEL + random.uniform(draw + 1) * (SEVERITY - LEAST_LEVEL);
      const value = valueAt(name, level, image);
      return { name, value: DIRECTED.has(name) && random.uniform(draw + 2) < 0.5 ? -value : value };
    }),
  );
  // Dirichlet(1, 1, 1): exponential draws, divided by their sum. Beta(1, 1) is uniform.
  const exponentials = firsts.map((first) => -Math.log(1 - random.uniform(first + 1)));
  const sum = exponentials.reduce((total, one) => total + one, 0);
  return {
    chains,
    weights: exponentials.map((one) => (sum > 0 ? one / sum : 1 / WIDTH)),
    share: random.uniform(0),
  };
}

function valueAt(name: PolicyOperationName, level: number, image: RgbImage): number {
  if (!name.startsWith("Translate")) return VALUE_OF_LEVEL[name](level, 0);
  return Math.trunc((level / 10) * TRANSLATION * sideOf(name, image));
}

/** (1 - share) image + share sum_i weight_i chain_i(image), rounded, in place. Transforms use bilinear interpolation. */
export function applyAugMix(image: RgbImage, { chains, weights, share }: AugMixDraw): void {
  const mixed = new Float64Array(image.pixels.length);
  for (let at = 0; at < mixed.length; at++) mixed[at] = (1 - share) * image.pixels[at];
  for (const [i, chain] of chains.entries()) {
    const pixels = image.pixels.slice();
    for (const operation of chain) applyPolicyOperation({ ...image, pixels }, operation, "bilinear");
    const weight = share * weights[i];
    for (let at = 0; at < mixed.length; at++) mixed[at] += weight * pixels[at];
  }
  for (let at = 0; at < mixed.length; at++) image.pixels[at] = Math.round(mixed[at]);
}
