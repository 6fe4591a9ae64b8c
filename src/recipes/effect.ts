/** Keys of a recipe that have no effect with its method. */
import { hasTwoLosses, METHOD_TRAITS, type MethodTraits } from "../training/method-traits.js";
import { isMapping } from "./rules.js";

/** The method of a recipe that names none. */
export const DEFAULT_METHOD = "advprop";

/** What noise, which asks the network nothing, takes of an attack's section. */
const OF_NOISE: readonly string[] = ["norm", "epsilon"];

/** What only a method with a clean and an adversarial loss takes of the training's section. */
const OF_TWO_LOSSES = ["adversarialLabelSmoothing", "adversarialWeight", "lossReduction"] as const;

/** A key as written that has no effect, and why. */
export interface Ineffective {
  readonly path: readonly string[];
  readonly reason: string;
}

/** The keys without effect of a recipe as written; none where its method is not known. */
export function ineffectiveKeys(recipe: unknown): Ineffective[] {
  if (!isMapping(recipe)) return [];
  const method = recipe.method ?? DEFAULT_METHOD;
  if (typeof method !== "string" || !Object.hasOwn(METHOD_TRAITS, method)) return [];
  const traits: MethodTraits = METHOD_TRAITS[method as keyof typeof METHOD_TRAITS];
  const { perturbation } = traits;
  const found: Ineffective[] = [];
  const { attack, training } = recipe;
  if ((perturbation === "none" || perturbation === "copy") && attack !== undefined) {
    found.push({ path: ["attack"], reason: `has no effect with method ${method}, which makes no attack` });
  }
  if ((perturbation === "noise" || perturbation === "sign-noise") && isMapping(attack)) {
    for (const key of Object.keys(attack)) {
      if (OF_NOISE.includes(key)) continue;
      const reason = `has no effect with method ${method}, which takes ${OF_NOISE.join(" and ")} alone`;
      found.push({ path: ["attack", key], reason });
    }
  }
  if (perturbation === "attack" && isMapping(attack)) {
    if (attack.randomStart === false && Number(attack.cleanStartProbability ?? 0) !== 0) {
      const reason = "has no effect where randomStart is false: every image starts from itself";
      found.push({ path: ["attack", "cleanStartProbability"], reason });
    }
  }
  if (!hasTwoLosses(traits) && isMapping(training)) {
    for (const key of OF_TWO_LOSSES) {
      if (training[key] === undefined || training[key] === null) continue;
      const instead =
        perturbation === "none"
          ? "which has no adversarial loss"
          : `whose one loss ${key === "adversarialLabelSmoothing" ? "takes labelSmoothing" : "is adversarial"}`;
      found.push({ path: ["training", key], reason: `has no effect with method ${method}, ${instead}` });
    }
  }
  return found;
}

/** A copy of a recipe as written without its keys that have no effect with a method. */
export function withoutIneffective<R extends object>(recipe: R, method: unknown): R {
  const kept = structuredClone(recipe);
  for (const { path } of ineffectiveKeys({ ...recipe, ...(method !== undefined && { method }) })) {
    const sections: Record<string, unknown>[] = [kept as Record<string, unknown>];
    for (const key of path.slice(0, -1)) sections.push(sections[sections.length - 1][key] as Record<string, unknown>);
    delete sections[sections.length - 1][path[path.length - 1]];
  }
  return kept;
}
