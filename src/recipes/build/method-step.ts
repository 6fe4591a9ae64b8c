/** Builds the method of a recipe and its training step. */
import type { Attack } from "../../attacks/attack.js";
import { attackGradients, createAttack } from "../../attacks/create.js";
import { inMicroBatches } from "../../attacks/micro-batches.js";
import { pgd } from "../../attacks/pgd.js";
import { attackReach } from "../../attacks/strength.js";
import { threatModel } from "../../attacks/threat-model.js";
import type { PixelBatch } from "../../data/loading/batch.js";
import type { Classifier } from "../../models/classifier.js";
import { type Forward, withContext } from "../../models/staged-network.js";
import { ATTACK, type Recompute } from "../../nn/context.js";
import type { Parameter } from "../../nn/parameter.js";
import { isAuxiliary } from "../../nn/routed-batch-norm.js";
import type { Device, GradientStore } from "../../tensor/index.js";
import { detach } from "../../tensor/operators.js";
import type { Perturbation } from "../../training/methods/method-traits.js";
import { fastAdvProp, fineGrained, METHOD_TABLE, type Method } from "../../training/methods/methods.js";
import { type LossWeights, type ParameterOwner, SUM, type TrainingStep } from "../../training/methods/step.js";
import { writeSnapshot } from "../../training/snapshots.js";
import type { ResolvedNoise } from "../attack-schema.js";
import type { ResolvedRecipe } from "../schema.js";

/** The method of a recipe, with its routes or its share of attacked images. */
export function methodOf({ method, routes, training }: ResolvedRecipe): Method {
  if (routes !== undefined) return fineGrained(routes);
  return training.adversarialShare === undefined ? METHOD_TABLE[method] : fastAdvProp(training.adversarialShare);
}

/** For a method that uses copies of the clean images in place of adversarial ones. */
const COPY: Attack = { perturb: (_logits, images) => detach(images) };

/** For a method without an attack. */
const NO_ATTACK: Attack = {
  perturb() {
    throw new Error("advprop internal error: the method makes no attack");
  },
};

/** The kind of batch norm that a parameter belongs to, if any. */
const ownerOf = ([name, { kind }]: readonly [string, Parameter]): ParameterOwner =>
  isAuxiliary(name) ? "auxiliary" : kind === "norm" ? "main" : "shared";

/** How many gradients of the network the attack of a recipe computes for each image; 0 without an attack. */
export const recipeAttackGradients = ({ attack }: Pick<ResolvedRecipe, "attack">): number =>
  attack !== undefined && "name" in attack ? attackGradients(attack) : 0;

/** The weights of the clean and the adversarial loss. */
function lossWeightsOf({ adversarialWeight = 1, lossReduction }: ResolvedRecipe["training"]): LossWeights {
  if (lossReduction !== "mean") return { ...SUM, adversarial: adversarialWeight };
  const total = 1 + adversarialWeight;
  return { clean: 1 / total, adversarial: adversarialWeight / total };
}

/** The ball of a single-step attack, and its step. */
const singleStepOf = ({ norm, epsilon, stepSize = epsilon }: ResolvedNoise) => ({
  threatModel: threatModel(norm, epsilon),
  stepSize,
});

/** The attack of a recipe, or the perturbation in its place. */
function attackOf(options: ResolvedRecipe["attack"], perturbation: Perturbation): Attack {
  if (options === undefined) return perturbation === "copy" ? COPY : NO_ATTACK;
  if ("name" in options) return createAttack(options);
  const { stepSize } = options;
  // Only for pictures: training makes the same step from the gradient of a training pass.
  if (stepSize !== undefined) return pgd({ ...singleStepOf(options), steps: 1, target: "none", randomStart: true });
  return createAttack({ name: perturbation === "sign-noise" ? "sign-noise" : "noise", ...options });
}

/** The network and the gradients that a step works on. */
export interface StepTarget {
  readonly model: Forward;
  readonly device: Device;
  /** The leaves of the gradient store, with their names. */
  readonly parameters: readonly (readonly [string, Parameter])[];
  readonly gradients: GradientStore;
  /** Whether batch norms compute their statistics over the batch of all ranks; by default not. */
  readonly synchronized?: boolean;
}

/** The method's step, and its attack. */
export function createStep(
  { attack: options, finetune, training }: ResolvedRecipe,
  { perturbation, makeStep }: Method,
  { model, device, parameters, gradients, synchronized }: StepTarget,
): { readonly step: TrainingStep; readonly attack: Attack } {
  const { statistics, stochastic } = options !== undefined && "name" in options ? options : ATTACK;
  const whole = attackOf(options, perturbation);
  // With batch statistics or draws by batch, the logits of an image depend on the other images.
  const attack = statistics === "running" && !stochastic ? inMicroBatches(whole) : whole;
  const { labelSmoothing, adversarialLabelSmoothing } = training;
  const singleStep =
    options === undefined || "name" in options || options.stepSize === undefined
      ? undefined
      : { ...singleStepOf(options), owners: parameters.map(ownerOf) };
  const blocks: Recompute | undefined = training.recompute ? "blocks" : undefined;
  // Computing the first stage again is cheap beside the attack's passes: 3 to 4 % of the operations of a step with PGD-5.
  const affordable: Recompute | undefined = perturbation === "attack" && device === "cpu" ? "first stage" : undefined;
  const attackContext = { ...ATTACK, statistics, stochastic, recompute: blocks };
  const always = { frozenStages: finetune.frozenStages, synchronized };
  const step = makeStep({
    ...{ model: withContext(model, always), attack, attackContext, gradients, labelSmoothing },
    adversarialLabelSmoothing: adversarialLabelSmoothing ?? labelSmoothing,
    lossWeights: lossWeightsOf(training),
    singleStep,
    recompute: blocks ?? affordable,
  });
  return { step, attack };
}

/** Writes pictures of the attack on some images; undefined for a method without one. */
export function snapshotOf(
  { attack: options, seed }: ResolvedRecipe,
  { perturbedRoute: route }: Method,
  attack: Attack,
  model: Classifier,
  pixels: PixelBatch,
): ((folder: string, epoch: number) => Promise<string>) | undefined {
  if (options === undefined) return undefined;
  // In the L2 norm the change spreads over the d pixels: the scale is three times its root mean square, epsilon / sqrt(d).
  const reach = attackReach({ name: "noise", ...options });
  const fullRange = options.norm === "l2" ? (3 * reach) / Math.sqrt(3 * pixels.height * pixels.width) : reach;
  return (folder, epoch) => writeSnapshot({ model, attack, route, fullRange, seed, pixels }, folder, epoch);
}
