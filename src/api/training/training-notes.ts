/** What a training will do, in words. */
import { defaultEpsilon, epsilonSource } from "../../attacks/strength.js";
import type { Learner, SizedRecipe } from "../../recipes/build/build.js";
import { epochsOf } from "../../recipes/build/epochs.js";
import { perturbationOf } from "../../recipes/effect.js";
import { asFraction } from "../../recipes/rules.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { hasTwoLosses, METHOD_TRAITS } from "../../training/methods/method-traits.js";

const PLACES_OF_ATTACK: Readonly<Record<string, string>> = {
  noise: "Noise:",
  "sign-noise": "Random-sign noise:",
  "single-step": "Attack: one step along the gradient of a training pass,",
};

/** The attack of a training with its strength and where that is from, and the smoothing of its labels; a line each. */
export function describeStrength(recipe: ResolvedRecipe): string[] {
  const { method, model, attack, routes, training } = recipe;
  const { labelSmoothing, adversarialLabelSmoothing, adversarialWeight = 1, lossReduction = "sum" } = training;
  const { perturbation } = METHOD_TRAITS[method];
  const twoLosses = hasTwoLosses(METHOD_TRAITS[method]) && perturbationOf(method, routes) !== "none";
  const ofAdversarial = adversarialLabelSmoothing ?? labelSmoothing;
  const lines: string[] = [];
  if (attack === undefined) {
    lines.push(`Attack: none, as ${method} trains on clean images.`);
  } else {
    const { norm, epsilon } = attack;
    const own = norm === "linf" && epsilon === defaultEpsilon(model);
    const source = own ? ` This epsilon is the default of ${model}: ${epsilonSource(model)}.` : "";
    const parts = [norm, `epsilon ${asFraction(epsilon)}`];
    if ("steps" in attack)
      parts.push(`${attack.steps} ${attack.steps === 1 ? "step" : "steps"} of ${asFraction(attack.stepSize)}`);
    if ("target" in attack) {
      parts.push(attack.target === "random" ? "random target" : "untargeted");
      if (attack.labelSmoothing > 0) parts.push(`labels smoothed by ${attack.labelSmoothing}`);
      if (attack.statistics === "batch") parts.push("through batch statistics");
    }
    if (!("name" in attack) && attack.stepSize !== undefined)
      parts.push(`step ${asFraction(attack.stepSize)}`, "untargeted");
    const what = "name" in attack ? `Attack: ${attack.name},` : PLACES_OF_ATTACK[perturbation];
    lines.push(`${what} ${parts.join(", ")}.${source}`);
  }
  if (twoLosses && ofAdversarial !== labelSmoothing) {
    lines.push(`Label smoothing: ${labelSmoothing} of clean images, ${ofAdversarial} of adversarial ones.`);
  } else if (labelSmoothing > 0) {
    lines.push(
      `Label smoothing: ${labelSmoothing}${twoLosses ? `, in ${routes === undefined && training.adversarialShare === undefined ? "both" : "all"} losses` : ""}.`,
    );
  }
  for (const [name, alpha] of [
    ["Mixup", training.mixup],
    ["CutMix", training.cutmix],
  ] as const) {
    if (alpha > 0) lines.push(`${name} of clean images: shares from Beta(${alpha}, ${alpha}).`);
  }
  if (training.adversarialShare !== undefined) {
    const passes = 1 + training.adversarialShare;
    lines.push(
      `Epochs: ${epochsOf(recipe)}, which cost about what ${training.epochs} of vanilla do, as each costs ${passes} times as much. ` +
        `Of the images ${+(100 * training.adversarialShare).toPrecision(3)} % are adversarial, the others clean.`,
    );
  }
  for (const [route, { source, attacked, weight }] of Object.entries(routes ?? {})) {
    const what = `${attacked ? "adversarial images made of " : ""}${source} images`;
    lines.push(`Route ${route}: ${what}${weight === 1 ? "" : `, the loss times ${weight}`}.`);
  }
  if (adversarialWeight !== 1 || lossReduction !== "sum") {
    const second = adversarialWeight === 1 ? "adversarial" : `${adversarialWeight} adversarial`;
    lines.push(
      `Loss: ${lossReduction === "sum" ? `clean + ${second}` : `(clean + ${second}) / ${1 + adversarialWeight}`}.`,
    );
  }
  return lines;
}

/** What an automatic batch size is, and what it leaves of the learning rate. */
export function describeAutomaticBatch(before: ResolvedRecipe, { training, optimizer }: SizedRecipe): string {
  const { batchSize, accumulationSteps } = training;
  const update =
    accumulationSteps === 1
      ? `an update is a mini-batch of ${batchSize} images`
      : `an update is ${accumulationSteps} mini-batches of ${batchSize} images, whose gradients are averaged`;
  const { lr } = before.optimizer;
  const share = optimizer.lr / lr;
  const rate =
    share === 1
      ? `the learning rate stays ${lr}, which is for so many images`
      : `the learning rate is ${+optimizer.lr.toPrecision(3)} instead of ${lr}, which is for ` +
        `${Math.round((batchSize * accumulationSteps) / share)} images an update`;
  return `Batch size auto: ${update}; ${rate}.`;
}

/** What became of the weights that fine-tuning starts from. */
export function describeTransfer({ finetune }: ResolvedRecipe, { transfer }: Learner): string[] {
  if (transfer === undefined) return [];
  const { headReplaced, routesFromMain } = transfer;
  return [
    `Starting from ${finetune.weights}.`,
    ...(headReplaced ? ["Its classes are others: the head is new and starts from zeros."] : []),
    ...(routesFromMain.length > 0
      ? [`Auxiliary norms (${routesFromMain.join(", ")}) start as copies of the main ones.`]
      : []),
  ];
}
