/** Colour jitter as in torchvision: brightness, contrast and saturation, each by its own random factor, in a random order. */
import type { KeyedRandom } from "../../random.js";
import type { RgbImage } from "./auto-augment-operations.js";
import { applyPolicyOperation, type PolicyOperation } from "./policy-operations.js";

const NAMES = ["Brightness", "Contrast", "Color"] as const;

/** @param strength s in [0, 1). The factors are uniform in [1 - s, 1 + s] */
export function drawColorJitter(random: KeyedRandom, strength: number): PolicyOperation[] {
  const factors = NAMES.map((name, i) => ({ name, value: 1 + strength * (2 * random.uniform(i) - 1) }));
  const places = NAMES.map((_, i) => random.uniform(NAMES.length + i));
  return factors.toSorted((a, b) => places[NAMES.indexOf(a.name)] - places[NAMES.indexOf(b.name)]);
}

/** Applies colour jitter to an image in place. */
export function colorJitter(image: RgbImage, random: KeyedRandom, strength: number): void {
  for (const operation of drawColorJitter(random, strength)) applyPolicyOperation(image, operation);
}
