/** From a recipe to its method and the step of it. */
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

/** The method of a recipe, with the routes or the share that it says. */
export function methodOf({ method, routes, training }: ResolvedRecipe): Method {
  if (routes !== undefined) return fineGrained(routes);
  return training.adversarialShare === undefined ? METHOD_TABLE[method] : fastAdvProp(training.adversarialShare);
}

/** For a method whose second images are the clean ones. */
const COPY: Attack = { perturb: (_logits, images) => detach(images) };

/** For a method that makes no attack. */
const NO_ATTACK: Attack = {
  perturb() {
    throw new Error("advprop internal error: the method makes no attack");
  },
};

/** What norm a parameter is of, if any. */
const ownerOf = ([name, { kind }]: readonly [string, Parameter]): ParameterOwner =>
  isAuxiliary(name) ? "auxiliary" : kind === "norm" ? "main" : "shared";

/** How many gradients of the network the attack of a recipe takes for each image; 0 where it makes none. */
export const recipeAttackGradients = ({ attack }: Pick<ResolvedRecipe, "attack">): number =>
  attack !== undefined && "name" in attack ? attackGradients(attack) : 0;

/** What the recipe says of the sum of two losses. */
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

/** The attack of a recipe, or what takes its place. */
function attackOf(options: ResolvedRecipe["attack"], perturbation: Perturbation): Attack {
  if (options === undefined) return perturbation === "copy" ? COPY : NO_ATTACK;
  if ("name" in options) return createAttack(options);
  const { stepSize } = options;
  // For pictures: training itself makes the same step from the gradient of a training pass.
  if (stepSize !== undefined) return pgd({ ...singleStepOf(options), steps: 1, target: "none", randomStart: true });
  return createAttack({ name: perturbation === "sign-noise" ? "sign-noise" : "noise", ...options });
}

/** What a step is made for. */
export interface StepTarget {
  readonly model: Forward;
  readonly device: Device;
  /** The leaves of the gradient store, by their names. */
  readonly parameters: readonly (readonly [string, Parameter])[];
  readonly gradients: GradientStore;
  /** Whether batch norms take the batch of all ranks together; they do not unless told. */
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
  // Batch statistics and draws of the batch tie its images together.
  const attack = statistics === "running" && !stochastic ? inMicroBatches(whole) : whole;
  const { labelSmoothing, adversarialLabelSmoothing } = training;
  const singleStep =
    options === undefined || "name" in options || options.stepSize === undefined
      ? undefined
      : { ...singleStepOf(options), owners: parameters.map(ownerOf) };
  const blocks: Recompute | undefined = training.recompute ? "blocks" : undefined;
  // Beside an attack's passes the first stage costs little to compute again: 3 to 4 % of the operations of a step with PGD-5.
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
  // In the L2 norm the change is spread over the d pixels: three times its root mean square, epsilon / sqrt(d).
  const reach = attackReach({ name: "noise", ...options });
  const fullRange = options.norm === "l2" ? (3 * reach) / Math.sqrt(3 * pixels.height * pixels.width) : reach;
  return (folder, epoch) => writeSnapshot({ model, attack, route, fullRange, seed, pixels }, folder, epoch);
}
