/** Keys of a recipe that have no effect with its method, or with another of its keys. */
import {
  hasTwoLosses,
  METHOD_TRAITS,
  type MethodName,
  type MethodTraits,
  type Perturbation,
} from "../training/methods/method-traits.js";
import { FINE_GRAINED_ROUTES } from "../training/methods/routes.js";
import { isMapping } from "./rules.js";

/** The method of a recipe without the key `method`. */
export const DEFAULT_METHOD = "advprop";

/** Perturbations that use only some keys of the attack: noise, which needs no gradient, and the one untargeted step of Fast AdvProp. */
const PARTS_OF_ATTACK: Partial<Record<Perturbation, readonly string[]>> = {
  noise: ["norm", "epsilon"],
  "sign-noise": ["norm", "epsilon"],
  "single-step": ["norm", "epsilon", "stepSize"],
};

/** Keys of `training` that only a method with a clean and an adversarial loss uses. */
const OF_TWO_LOSSES = ["adversarialLabelSmoothing", "adversarialWeight", "lossReduction"] as const;

/** Keys of `augmentation` that define a strong view. */
const OF_STRONG = ["autoAugment", "colorJitter", "randomErasing"] as const;
const isNeutralValue = (value: unknown): boolean => value === undefined || value === "none" || value === 0;

/** A written key that has no effect, and why. */
export interface Ineffective {
  readonly path: readonly string[];
  readonly reason: string;
  /** What gives the key an effect; by default another method. */
  readonly remedy?: string;
}

/** The written keys of a recipe that have no effect; none if its method is not known. */
export function ineffectiveKeys(recipe: unknown): Ineffective[] {
  if (!isMapping(recipe)) return [];
  const method = recipe.method ?? DEFAULT_METHOD;
  if (typeof method !== "string" || !Object.hasOwn(METHOD_TRAITS, method)) return [];
  const traits: MethodTraits = METHOD_TRAITS[method as keyof typeof METHOD_TRAITS];
  const { routes } = recipe;
  const perturbation = perturbationOf(method as MethodName, routes);
  const found: Ineffective[] = [];
  const { attack, data, training } = recipe;
  if (routes !== undefined && method !== "fine-grained") {
    found.push({ path: ["routes"], reason: `has no effect with method ${method}; only fine-grained uses routes` });
  }
  const augmentation = isMapping(data) && isMapping(data.augmentation) ? data.augmentation : {};
  if (augmentation.randAugment !== undefined && augmentation.autoAugment !== "rand-augment") {
    const reason = `has no effect with the policy ${augmentation.autoAugment ?? "none"}; only rand-augment uses it`;
    found.push({ path: ["data", "augmentation", "randAugment"], reason, remedy: "choose that policy" });
  }
  if (method === "fine-grained" && isMapping(routes) && !takesStrong(routes)) {
    for (const key of OF_STRONG) {
      if (isNeutralValue(augmentation[key])) continue;
      const reason = "has no effect because no route has the source strong";
      found.push({ path: ["data", "augmentation", key], reason, remedy: "give a route that source" });
    }
  }
  if ((perturbation === "none" || perturbation === "copy") && attack !== undefined) {
    const why = method === "fine-grained" ? "because no route is attacked" : "which has no attack";
    found.push({ path: ["attack"], reason: `has no effect with method ${method}, ${why}` });
  }
  const taken = PARTS_OF_ATTACK[perturbation];
  if (taken !== undefined && isMapping(attack)) {
    for (const key of Object.keys(attack)) {
      if (taken.includes(key)) continue;
      const names = `${taken.slice(0, -1).join(", ")} and ${taken.at(-1)}`;
      const reason = `has no effect with method ${method}, which uses only ${names}`;
      found.push({ path: ["attack", key], reason });
    }
  }
  if (perturbation === "attack" && isMapping(attack)) {
    if (attack.randomStart === false && Number(attack.cleanStartProbability ?? 0) !== 0) {
      const reason = "has no effect because randomStart is false: every image starts from itself";
      found.push({ path: ["attack", "cleanStartProbability"], reason, remedy: "set randomStart to true" });
    }
  }
  if (isMapping(training) && training.batchSize === "auto" && (training.minUpdatesPerEpoch ?? null) !== null) {
    const reason = "has no effect with the batch size auto, which is chosen by the memory";
    const remedy = "give training.batchSize a number";
    found.push({ path: ["training", "minUpdatesPerEpoch"], reason, remedy });
  }
  if (isMapping(training) && training.adversarialShare !== undefined && method !== "fast-advprop") {
    const reason = `has no effect with method ${method}; only fast-advprop attacks a share of the images`;
    found.push({ path: ["training", "adversarialShare"], reason });
  }
  if (isMapping(training) && !hasCleanMain(traits, routes)) {
    for (const key of ["mixup", "cutmix"]) {
      if (training[key] === undefined || training[key] === 0) continue;
      const reason = `has no effect with method ${method}, which has no clean images in the main batch norms`;
      found.push({ path: ["training", key], reason });
    }
  }
  const [smoothing] = OF_TWO_LOSSES;
  if (isMapping(training)) {
    for (const key of OF_TWO_LOSSES) {
      if (training[key] === undefined || training[key] === null) continue;
      const instead =
        perturbation === "none"
          ? "which has no adversarial loss"
          : !hasTwoLosses(traits)
            ? `whose only loss ${key === smoothing ? "uses labelSmoothing" : "is adversarial"}`
            : key !== smoothing && !takesLossWeights(method as MethodName)
              ? `whose ${method === "fine-grained" ? "routes have their own weights" : "losses are weighted by their numbers of images"}`
              : undefined;
      if (instead === undefined) continue;
      found.push({ path: ["training", key], reason: `has no effect with method ${method}, ${instead}` });
    }
  }
  return found;
}

/** Whether the recipe can choose the weight of the second loss, and the sum or mean of both. */
export const takesLossWeights = (method: MethodName): boolean =>
  hasTwoLosses(METHOD_TRAITS[method]) && method !== "fine-grained" && method !== "fast-advprop";

/** The perturbation of a method. Fine-grained AdvProp has none if no route is attacked. */
export function perturbationOf(method: MethodName, routes: unknown): Perturbation {
  const { perturbation } = METHOD_TRAITS[method];
  if (method !== "fine-grained" || !isMapping(routes)) return perturbation;
  return Object.values(routes).some((route) => isMapping(route) && route.attacked === true) ? perturbation : "none";
}

/** Finds routes of strong images without an augmentation policy; undefined if there are none. */
export function missingPolicy(recipe: unknown): Ineffective | undefined {
  if (!isMapping(recipe) || recipe.method !== "fine-grained") return undefined;
  const { data, routes } = recipe;
  const augmentation = isMapping(data) && isMapping(data.augmentation) ? data.augmentation : {};
  const weak = OF_STRONG.every((key) => isNeutralValue(augmentation[key]));
  const feeds: unknown = routes ?? FINE_GRAINED_ROUTES;
  if (!weak || !isMapping(feeds) || !takesStrong(feeds)) return undefined;
  return {
    path: routes === undefined ? ["method"] : ["routes"],
    reason:
      "has a route with the source strong, but data.augmentation.autoAugment, its augmentation policy, is none. " +
      "Choose a policy, such as v0 for photos or cifar10 for small images, or routes without the source strong.",
  };
}

/** Whether clean images go through the main batch norms. */
const hasCleanMain = ({ cleanLoss }: MethodTraits, routes: unknown): boolean =>
  cleanLoss && !(isMapping(routes) && isMapping(routes.main) && routes.main.attacked === true);

const takesStrong = (routes: Readonly<Record<string, unknown>>): boolean =>
  Object.values(routes).some((route) => isMapping(route) && route.source === "strong");

/** A copy of a written recipe without the keys that have no effect with a method. */
export function withoutIneffective<R extends object>(recipe: R, method: unknown): R {
  const kept = structuredClone(recipe);
  for (const { path } of ineffectiveKeys({ ...recipe, ...(method !== undefined && { method }) })) {
    const sections: Record<string, unknown>[] = [kept as Record<string, unknown>];
    for (const key of path.slice(0, -1)) sections.push(sections[sections.length - 1][key] as Record<string, unknown>);
    delete sections[sections.length - 1][path[path.length - 1]];
  }
  return kept;
}
