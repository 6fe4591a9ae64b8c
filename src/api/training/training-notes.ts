/** Notes that describe a training before it starts. */
import { defaultEpsilon, epsilonSource } from "../../attacks/strength.js";
import type { Learner, SizedRecipe } from "../../recipes/build/build.js";
import { epochsOf } from "../../recipes/build/epochs.js";
import { perturbationOf } from "../../recipes/effect.js";
import { asFraction } from "../../recipes/rules.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { hasTwoLosses, METHOD_TRAITS } from "../../training/methods/method-traits.js";

const PERTURBATION_LABELS: Readonly<Record<string, string>> = {
  noise: "Noise:",
  "sign-noise": "Random-sign noise:",
  "single-step": "Attack: one step along the gradient of a training pass,",
};

/** Lines about the attack of a training with its strength and the source of its epsilon, the label smoothing and the losses. */
export function describeStrength(recipe: ResolvedRecipe): string[] {
  const { method, model, attack, routes, training } = recipe;
  const { labelSmoothing, adversarialLabelSmoothing, adversarialWeight = 1, lossReduction = "sum" } = training;
  const { perturbation } = METHOD_TRAITS[method];
  const twoLosses = hasTwoLosses(METHOD_TRAITS[method]) && perturbationOf(method, routes) !== "none";
  const ofAdversarial = adversarialLabelSmoothing ?? labelSmoothing;
  const lines: string[] = [];
  if (attack === undefined) {
    lines.push(`Attack: none, because ${method} trains on clean images.`);
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
    const what = "name" in attack ? `Attack: ${attack.name},` : PERTURBATION_LABELS[perturbation];
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
    if (alpha > 0) lines.push(`${name} of clean images: mixing shares drawn from Beta(${alpha}, ${alpha}).`);
  }
  if (training.adversarialShare !== undefined) {
    const passes = 1 + training.adversarialShare;
    lines.push(
      `Epochs: ${epochsOf(recipe)}, which cost about as much as ${training.epochs} of vanilla training, because each costs ${passes} times as much. ` +
        `${+(100 * training.adversarialShare).toPrecision(3)} % of the images are adversarial, the others clean.`,
    );
  }
  for (const [route, { source, attacked, weight }] of Object.entries(routes ?? {})) {
    const what = `${attacked ? "adversarial images made from " : ""}${source} images`;
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

/** Describes an automatic batch size, and the resulting learning rate. */
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
      ? `the learning rate is ${lr}, as in the recipe`
      : `the learning rate is ${+optimizer.lr.toPrecision(3)} instead of ${lr}, because ${lr} is for ` +
        `${Math.round((batchSize * accumulationSteps) / share)} images per update`;
  return `Batch size auto: ${update}; ${rate}.`;
}

/** Describes how the starting weights were transferred. */
export function describeTransfer({ finetune }: ResolvedRecipe, { transfer }: Learner): string[] {
  if (transfer === undefined) return [];
  const { headReplaced, routesFromMain } = transfer;
  return [
    `Starting from ${finetune.weights}.`,
    ...(headReplaced ? ["Its classes differ, so the head is new and starts from zeros."] : []),
    ...(routesFromMain.length > 0
      ? [`Auxiliary batch norms (${routesFromMain.join(", ")}) start as copies of the main ones.`]
      : []),
  ];
}
