/**
 * The schema of a recipe: every key with its default and its rule. To add an optimizer, a schedule or an attack, add a member to its
 * union below. Defaults, messages and known keys follow from the schema.
 */

import { z } from "zod";
import { registeredAttacks } from "../attacks/registered.js";
import { SAMPLERS } from "../data/loading/sampler.js";
import { VIEW_SOURCES } from "../data/loading/view-sources.js";
import { MAX_MAGNITUDE } from "../images/augmentation/rand-augment.js";
import { AUTO_AUGMENT_POLICIES, DEFAULT_RAND_AUGMENT } from "../images/augmentation/strong-augmentation.js";
import { MAIN_ROUTE } from "../nn/context.js";
import type { DeviceName } from "../tensor/index.js";
import { ADVERSARIAL_SHARE, METHOD_TRAITS, type MethodName } from "../training/methods/method-traits.js";
import { FINE_GRAINED_ROUTES } from "../training/methods/routes.js";
import { attack, attackWithOwn, resolvedAttack } from "./attack-schema.js";
import { DEFAULT_METHOD, perturbationOf, takesLossWeights } from "./effect.js";
import { isRouteName } from "./route-names.js";
import {
  count,
  countOrAuto,
  countOrNull,
  flag,
  memory,
  milestonesOrNull,
  named,
  natural,
  notNegative,
  oneOf,
  positive,
  positiveOrNull,
  properShare,
  rule,
  section,
  seed,
  share,
  shareOrFraction,
  shareOrNull,
  text,
  textOrNull,
  unit,
} from "./rules.js";

/** The names of the training methods; src/training/methods/method-traits.ts lists them. */
export const METHODS = Object.keys(METHOD_TRAITS) as readonly MethodName[];

/** Whether weight decay also applies to the scales and shifts of norm layers; it always applies to the biases of other layers. */
const weightDecayOnNorm = flag.default(false);

/** Default mini-batch size. With the size "auto" the learning rate is for this many images. */
export const DEFAULT_BATCH_SIZE = 128;

/** Share of all steps during which the learning rate rises linearly. */
const warmupFraction = shareOrFraction.default(0.05);

/** Share of the previous update that is added to the next one. */
const momentum = share.default(0.9);

const sgd = section({
  name: z.literal("sgd"),
  /** Highest learning rate of the schedule. */
  lr: positive.default(0.1),
  momentum,
  /** Whether to use Nesterov momentum. */
  nesterov: flag.default(true),
  /** Weight decay, added to the gradient. */
  weightDecay: notNegative.default(5e-4),
  weightDecayOnNorm,
});

/** Defaults of the published EfficientNets (tensorflow/tpu, models/official/efficientnet); the rate is for 256 images. */
const rmsprop = section({
  name: z.literal("rmsprop"),
  /** Highest learning rate of the schedule. */
  lr: positive.default(0.016),
  /** Decay of the moving average of the squared gradients. */
  decay: share.default(0.9),
  momentum,
  /** Added to the average of the squares, inside the root. */
  epsilon: positive.default(1e-3),
  /** Weight decay, added to the gradient. */
  weightDecay: notNegative.default(1e-5),
  weightDecayOnNorm,
});

const adamw = section({
  name: z.literal("adamw"),
  /** Highest learning rate of the schedule. */
  lr: positive.default(1e-3),
  /** Decay of the moving average of the gradients. */
  beta1: share.default(0.9),
  /** Decay of the moving average of their squares. */
  beta2: share.default(0.999),
  /** Added to the root of the average of the squares. */
  epsilon: positive.default(1e-8),
  /** Weight decay, separate from the gradient and multiplied by the learning rate. */
  weightDecay: notNegative.default(0.05),
  weightDecayOnNorm,
});

const cosine = section({
  name: z.literal("cosine"),
  warmupFraction,
  /** The last learning rate as a share of the highest. */
  finalFactor: unit.default(0),
});

const exponential = section({
  name: z.literal("exponential"),
  warmupFraction,
  /** Factor of the rate at each decay. */
  decay: share.default(0.97),
  /** Epochs between decays, may be a fraction; null takes 2.4/350 of all epochs, as for the published EfficientNets. */
  decayEpochs: positiveOrNull.default(null),
});

const multiStep = section({
  name: z.literal("multi-step"),
  warmupFraction,
  /** Epochs at which the rate is multiplied by gamma; null takes 1/2 and 3/4 of all epochs. */
  milestones: milestonesOrNull.default(null),
  /** Factor of the rate at each milestone. */
  gamma: unit.default(0.1),
});

const oneCycle = section({ name: z.literal("one-cycle") });

const routes = z
  .record(
    z.string(),
    section({
      /** The view of the images: plain has no augmentation, weak is cropped and mirrored, strong adds the augmentation policy to that. */
      source: oneOf(VIEW_SOURCES).default("weak"),
      /** Whether the images are attacked first, through the batch norms of this route. */
      attacked: flag.default(false),
      /** Weight of the route's loss in the sum. */
      weight: positive.default(1),
    }),
    { error: ({ input }) => `must be a mapping of names to routes; got ${JSON.stringify(input)}.` },
  )
  .superRefine((value, context) => {
    const names = Object.keys(value);
    for (const name of names) {
      if (isRouteName(name)) continue;
      const message = "is not a valid name of a route: use small letters, digits and hyphens, and begin with a letter.";
      context.addIssue({ code: "custom", path: [name], message });
    }
    if (!names.includes(MAIN_ROUTE) || names.length < 2) {
      const message = `must name ${MAIN_ROUTE}, which is evaluated, and at least one other route; got ${names.join(", ") || "none"}.`;
      context.addIssue({ code: "custom", message });
    }
  });

const written = section({
  /** Name of the recipe, only for the reader. */
  name: text.optional(),
  /** One line about the recipe, only for the reader. */
  description: text.optional(),
  /** The network, by its name in `advprop models`. */
  model: text.default("resnet20"),
  /** The training method. vanilla-two-views needs random augmentation, because its two views would be the same without. */
  method: oneOf(METHODS).default(DEFAULT_METHOD),
  /** Seed of all random draws. */
  seed: seed.default(0),
  /** Device of the tensors; auto is the CPU, cuda the first GPU. The run fails at its start if there is no such device. */
  device: rule<DeviceName>(
    "auto, cpu, cuda or cuda:N",
    (value) => typeof value === "string" && /^(auto|cpu|cuda(:\d+)?)$/.test(value),
  ).default("auto"),
  /** Number format of the activations; parameters and statistics are always fp32. */
  precision: oneOf(["fp32", "bf16"]).default("fp32"),
  /** Threads per operator; 0 takes all cores. */
  threads: natural.default(0),
  /** Largest memory for the tensors of the engine; null takes most of the available memory. */
  memoryLimit: memory.default(null),
  data: section({
    /** Folder of the images, or shapes: the built-in data set. */
    path: textOrNull.default(null),
    /** Number of training images to use; null uses all. */
    limitTrain: countOrNull.default(null),
    /** Number of test photos that are checked before the training and listed in the run; null takes all. `evaluate` has a limit of its own. */
    limitTest: countOrNull.default(null),
    /** Share of the training images that is split off for validation; null takes 0.15 for photos without splits, else none. */
    validationFraction: shareOrNull.default(null),
    /** Side of the images in pixels; null takes the size of CIFAR's images, 224 for photos, 32 for shapes, which have 32 to 224. */
    imageSize: countOrNull.default(null),
    augmentation: section({
      /** Zero padding before a random crop of the original size. Only for CIFAR and shapes; photos always get random resized crops. */
      crop: natural.default(4),
      /** Whether each image is mirrored with probability 1/2. */
      flip: flag.default(true),
      /**
       * The augmentation policy of strong images. v0 is that of the published EfficientNets, for photos: it shifts them by up to 225
       * pixels, whatever their size. All others shift an image by a share of its side.
       */
      autoAugment: oneOf(AUTO_AUGMENT_POLICIES).default("none"),
      /** Settings of the policy rand-augment. */
      randAugment: section({
        /** Number of operations per image. */
        operations: count.default(DEFAULT_RAND_AUGMENT.operations),
        /** Strength of the operations. */
        magnitude: rule<number>(
          `a whole number in [0, ${MAX_MAGNITUDE}]`,
          (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_MAGNITUDE,
        ).default(DEFAULT_RAND_AUGMENT.magnitude),
      }).optional(),
      /** Largest change of the factors for brightness, contrast and saturation from 1, up or down; 0 changes nothing. */
      colorJitter: share.default(0),
      /** Probability that a rectangle of an image is replaced by grey. */
      randomErasing: unit.default(0),
    }).prefault({}),
    /** uniform draws each image once per epoch, class-balanced draws each class equally often. */
    sampler: oneOf(SAMPLERS).default("uniform"),
    /** Threads that read photos; null takes one per core, at most four unless UV_THREADPOOL_SIZE is set. */
    workers: countOrNull.default(null),
    /** Memory for decoded photos, so that later epochs need not decode them; photos that do not fit are decoded in every epoch. */
    cacheMemory: memory.default(null),
    /** What to do if a photo cannot be decoded: fail, or skip at most maxBad of them. */
    onBadImage: oneOf(["fail", "skip"]).default("fail"),
    /** Largest number of photos that are skipped. */
    maxBad: natural.default(100),
    /** Settings of the built-in data set, used if the path is "shapes". */
    shapes: section({
      /** Number of training images. */
      images: count.default(4000),
      /** Number of validation images, which choose the best checkpoint. */
      validationImages: natural.default(1000),
      /** Number of test images. */
      testImages: count.default(2000),
      /** Probability that a training image's texture is that of its class. */
      textureCorrelation: unit.default(0),
      /** Seed of the images; it does not depend on the seed of the run. */
      seed: seed.default(0),
    }).prefault({}),
  }).prefault({}),
  /**
   * Starts from the weights of another classifier. If the classes differ the head is new; auxiliary batch norms start as copies of the main
   * ones.
   */
  finetune: section({
    /** A run, a weights file of advprop, timm or torchvision, an https address or hf:OWNER/NAME. */
    weights: textOrNull.default(null),
    /** Learning rate of the last stage, as a share of the head's rate, which is that of the schedule. */
    bodyRate: unit.default(1),
    /** Learning rate of each stage as a share of the next stage's; below 1, layers near the input learn more slowly. */
    layerDecay: unit.default(1),
    /** Number of stages that are not trained, counted from the input: 1 is only the stem. Their batch norms keep their statistics. */
    frozenStages: natural.default(0),
  }).prefault({}),
  training: section({
    /** Passes over the training images. Fast AdvProp makes fewer, so that it costs as much as vanilla training ({@link epochsOf}). */
    epochs: count.default(15),
    /** Images in a mini-batch, summed over all processes; auto chooses mini-batches of at most 256 images that fit the memory. */
    batchSize: countOrAuto.default(DEFAULT_BATCH_SIZE),
    /**
     * Halves the mini-batch and the learning rate until an epoch has this many updates, but not below 8 images. null turns this off. A batch
     * size that is set by a flag or a setting turns off the value of the recipe, but not one that is set too.
     */
    minUpdatesPerEpoch: countOrNull.default(null),
    /** Label smoothing of every training loss. The attack's own loss has its own key, attack.labelSmoothing. */
    labelSmoothing: share.default(0),
    /** Label smoothing of the adversarial loss, if there is also a clean loss; null takes labelSmoothing. */
    adversarialLabelSmoothing: shareOrNull.default(null),
    /** Weight of the adversarial loss in the sum or mean of both losses. */
    adversarialWeight: positive.default(1),
    /**
     * sum adds adversarialWeight times the adversarial loss to the clean one, as the paper does; mean divides that by 1 +
     * adversarialWeight, as tingxueronghua/pytorch-classification-advprop does with a weight of 1.
     */
    lossReduction: oneOf(["sum", "mean"]).default("sum"),
    /** Alpha of Mixup for clean images in the main batch norms; mixing shares are drawn from Beta(alpha, alpha); 0 turns it off. */
    mixup: notNegative.default(0),
    /** Alpha of CutMix, as for Mixup. If both are on, each image gets one of them at random. */
    cutmix: notNegative.default(0),
    /** For Fast AdvProp: the share of the images that are attacked; only the others are used as clean images. */
    adversarialShare: properShare.default(ADVERSARIAL_SHARE),
    /** Largest Euclidean norm of an update's gradient; a larger gradient is scaled down to it; null does not clip. */
    clipGradientNorm: positiveOrNull.default(null),
    /** Mini-batches per update, whose gradients are averaged. Batch norm statistics are those of each mini-batch. */
    accumulationSteps: count.default(1),
    /** With several processes: whether batch norm statistics are computed over the whole mini-batch rather than over each process's part. */
    syncBatchNorm: flag.default(false),
    /** Decay of the moving average of the weights, which is then evaluated and exported; null keeps no average. */
    averageDecay: shareOrNull.default(null),
    /** Gradient checkpointing: needs much less memory and about a third more time. */
    recompute: flag.default(false),
    /** Number of steps between logged metrics. */
    logEverySteps: count.default(10),
    /** Number of steps between checkpoints; null saves only at the end of each epoch. */
    checkpointEverySteps: countOrNull.default(null),
    /** Number of steps between checkpoints that are kept; null keeps only last and best. */
    keepEverySteps: countOrNull.default(null),
    /** Number of epochs between validations. */
    evaluateEveryEpochs: count.default(1),
    /** Ends the run after this many epochs without a better validation accuracy; null turns this off. */
    earlyStoppingEpochs: countOrNull.default(null),
    /** Saves and stops the run after this many hours, so that it can be resumed; null sets no limit. */
    timeBudgetHours: positiveOrNull.default(null),
  }).prefault({}),
  /** For fine-grained AdvProp: the images of each route. If any route is given, all must be ({@link FINE_GRAINED_ROUTES}). */
  routes: routes.optional(),
  /** The attack that makes the adversarial images for training. Your own attack has all of these keys, and its own keys. */
  attack: attack.prefault({}),
  /** The optimizer. */
  optimizer: named(sgd, rmsprop, adamw).prefault({}),
  /** The schedule of the learning rate. */
  schedule: named(cosine, exponential, multiStep, oneCycle).prefault({}),
});

type Written = ReturnType<typeof withOwnAttacks>;

const withOwnAttacks = () => written.extend({ attack: attackWithOwn().prefault({}) });

let current = { attacks: 0, schema: schemaOf(withOwnAttacks()) };

/** The schema of a whole recipe, which knows the attacks that have been registered until now. */
export function recipeSchema(): ReturnType<typeof schemaOf> {
  const attacks = registeredAttacks().length;
  if (attacks !== current.attacks) current = { attacks, schema: schemaOf(withOwnAttacks()) };
  return current.schema;
}

/**
 * The whole recipe. Parsing fills in the defaults. The strength of the attack depends on the network. A method without an attack has
 * no `attack`, and noise has only a norm and an epsilon. A method with one loss has no weight of a second one.
 */
function schemaOf(all: Written) {
  return all.transform(({ routes, ...recipe }) => {
    const { randAugment = DEFAULT_RAND_AUGMENT, ...augmentation } = recipe.data.augmentation;
    const rand = augmentation.autoAugment === "rand-augment" && { randAugment };
    const feeds = recipe.method === "fine-grained" ? (routes ?? FINE_GRAINED_ROUTES) : undefined;
    return {
      ...recipe,
      data: { ...recipe.data, augmentation: { ...augmentation, ...rand } },
      ...(feeds && { routes: feeds }),
      training: ofMethod(recipe.training, recipe.method),
      attack: resolvedAttack(recipe.attack, perturbationOf(recipe.method, feeds), recipe.model),
    };
  });
}

type WrittenTraining = z.output<typeof written>["training"];
type OfSomeMethods = "adversarialWeight" | "lossReduction" | "adversarialShare";

/** Removes the keys that have no effect with the method. */
function ofMethod(
  { adversarialWeight, lossReduction, adversarialShare, ...others }: WrittenTraining,
  method: MethodName,
): Omit<WrittenTraining, OfSomeMethods> & Partial<Pick<WrittenTraining, OfSomeMethods>> {
  if (method === "fast-advprop") return { ...others, adversarialShare };
  return takesLossWeights(method) ? { ...others, adversarialWeight, lossReduction } : others;
}

/** A recipe as it is written: keys that are left out have their defaults. */
export interface Recipe extends z.input<ReturnType<typeof recipeSchema>> {}

/** Returns its argument. Inside the call an editor completes and checks the keys. */
export const defineRecipe = (recipe: Recipe): Recipe => recipe;

/** A recipe with all values filled in: distances and sizes are numbers, and the number of attack steps is decided. */
export interface ResolvedRecipe extends z.output<ReturnType<typeof recipeSchema>> {}
