/**
 * What a recipe may say: every key with its default and its rule. A new optimizer, schedule or attack is one more member
 * of its union below; everything else (defaults, messages, known keys) follows from it.
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

/** The training methods: what each is stands in src/training/methods/methods.ts. */
export const METHODS = Object.keys(METHOD_TRAITS) as readonly MethodName[];

/** Whether the scales and shifts of norm layers decay too; biases of other layers always do. */
const weightDecayOnNorm = flag.default(false);

/** Images of a mini-batch, and those that a learning rate is for where a recipe leaves the size to the program. */
export const DEFAULT_BATCH_SIZE = 128;

/** Share of all steps in which the learning rate rises linearly. */
const warmupFraction = shareOrFraction.default(0.05);

/** Share of the last update that is added to the next. */
const momentum = share.default(0.9);

const sgd = section({
  name: z.literal("sgd"),
  /** Highest learning rate of the schedule. */
  lr: positive.default(0.1),
  momentum,
  /** Nesterov's form of momentum. */
  nesterov: flag.default(true),
  /** Pull of the weights towards zero, added to the gradient. */
  weightDecay: notNegative.default(5e-4),
  weightDecayOnNorm,
});

/** Defaults of the published EfficientNets (tensorflow/tpu, models/official/efficientnet); its rate is for 256 images. */
const rmsprop = section({
  name: z.literal("rmsprop"),
  /** Highest learning rate of the schedule. */
  lr: positive.default(0.016),
  /** Decay of the mean of the squared gradients. */
  decay: share.default(0.9),
  momentum,
  /** Added to the mean of the squares, below the root. */
  epsilon: positive.default(1e-3),
  /** Pull of the weights towards zero, added to the gradient. */
  weightDecay: notNegative.default(1e-5),
  weightDecayOnNorm,
});

const adamw = section({
  name: z.literal("adamw"),
  /** Highest learning rate of the schedule. */
  lr: positive.default(1e-3),
  /** Decay of the mean of the gradients. */
  beta1: share.default(0.9),
  /** Decay of the mean of their squares. */
  beta2: share.default(0.999),
  /** Added to the root of the mean of the squares. */
  epsilon: positive.default(1e-8),
  /** Pull of the weights towards zero, beside the gradient, times the learning rate. */
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
  /** What the rate is multiplied by at each decay. */
  decay: share.default(0.97),
  /** Epochs between decays, may be a fraction; null takes 2.4 of every 350, as the published EfficientNets have it. */
  decayEpochs: positiveOrNull.default(null),
});

const multiStep = section({
  name: z.literal("multi-step"),
  warmupFraction,
  /** Epochs at which the rate is multiplied by gamma; null takes one half and three quarters of the run. */
  milestones: milestonesOrNull.default(null),
  /** What the rate is multiplied by at each milestone. */
  gamma: unit.default(0.1),
});

const oneCycle = section({ name: z.literal("one-cycle") });

const routes = z
  .record(
    z.string(),
    section({
      /** Which view of the images: plain has no augmentation, weak is cropped and mirrored, strong has the policy on top. */
      source: oneOf(VIEW_SOURCES).default("weak"),
      /** Whether the images are attacked first, through the norms of this route. */
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
      const message =
        "is no name of a route: it must be of small letters, digits and hyphens, and begin with a letter.";
      context.addIssue({ code: "custom", path: [name], message });
    }
    if (!names.includes(MAIN_ROUTE) || names.length < 2) {
      const message = `must name ${MAIN_ROUTE}, which is evaluated, and at least one other route; got ${names.join(", ") || "none"}.`;
      context.addIssue({ code: "custom", message });
    }
  });

const written = section({
  /** Of the recipe, for people. */
  name: text.optional(),
  /** One line about the recipe, for people. */
  description: text.optional(),
  /** The network, by its name in `advprop models`. */
  model: text.default("resnet20"),
  /** How the network is trained. */
  method: oneOf(METHODS).default(DEFAULT_METHOD),
  /** Of every random draw. */
  seed: seed.default(0),
  /** Where tensors live; auto is the CPU, and cuda the first GPU. Whether there is one is asked when the run begins. */
  device: rule<DeviceName>(
    "auto, cpu, cuda or cuda:N",
    (value) => typeof value === "string" && /^(auto|cpu|cuda(:\d+)?)$/.test(value),
  ).default("auto"),
  /** In which numbers activations are computed; parameters and statistics are always fp32. */
  precision: oneOf(["fp32", "bf16"]).default("fp32"),
  /** Threads in an operator; 0 takes all cores. */
  threads: natural.default(0),
  /** Most memory for the tensors of the engine; null takes most of what is available. */
  memoryLimit: memory.default(null),
  data: section({
    /** Folder of the images, or shapes: the built-in set. */
    path: textOrNull.default(null),
    /** Uses so many of the training images; null uses all. */
    limitTrain: countOrNull.default(null),
    /** Uses so many of the test images; null uses all. */
    limitTest: countOrNull.default(null),
    /** Share of the training images that is split off for validation; null takes 0.15 of photos without parts, else none. */
    validationFraction: shareOrNull.default(null),
    /** Side of the images; null takes that of a set in memory, 224 of photos, 32 of shapes. */
    imageSize: countOrNull.default(null),
    augmentation: section({
      /** Zero padding before a window of the original size is cut, of images in memory; photos are cropped at random. */
      crop: natural.default(4),
      /** Mirrors every second image, at random. */
      flip: flag.default(true),
      /**
       * What strong images go through besides: v0 is that of the published EfficientNets, for photos: it moves them by up to 225 pixels, whatever their size. All others move an
       * image by a share of its side.
       */
      autoAugment: oneOf(AUTO_AUGMENT_POLICIES).default("none"),
      /** For the policy rand-augment alone. */
      randAugment: section({
        /** Operations on an image. */
        operations: count.default(DEFAULT_RAND_AUGMENT.operations),
        /** Strength of the operations. */
        magnitude: rule<number>(
          `a whole number in [0, ${MAX_MAGNITUDE}]`,
          (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_MAGNITUDE,
        ).default(DEFAULT_RAND_AUGMENT.magnitude),
      }).optional(),
      /** How far brightness, contrast and saturation may go from 1, up or down; 0 leaves them. */
      colorJitter: share.default(0),
      /** Probability that a rectangle of an image is greyed. */
      randomErasing: unit.default(0),
    }).prefault({}),
    /** uniform sees each image once an epoch, class-balanced each class equally often. */
    sampler: oneOf(SAMPLERS).default("uniform"),
    /** Threads that read photos; null takes one a core. */
    workers: countOrNull.default(null),
    /** Memory for decoded photos, which later epochs need not decode; those that do not fit are decoded each time. */
    cacheMemory: memory.default(null),
    /** What happens at a photo that cannot be decoded; skip leaves out at most maxBad of them. */
    onBadImage: oneOf(["fail", "skip"]).default("fail"),
    /** Most photos that are left out. */
    maxBad: natural.default(100),
    /** The built-in set, where the path is "shapes". */
    shapes: section({
      /** Training images. */
      images: count.default(4000),
      /** Images that choose the best checkpoint. */
      validationImages: natural.default(1000),
      /** Images that are tested on. */
      testImages: count.default(2000),
      /** Probability that a training image's texture is that of its class. */
      textureCorrelation: unit.default(0),
      /** Seed of the images, whatever the run's own seed. */
      seed: seed.default(0),
    }).prefault({}),
  }).prefault({}),
  /** Another classifier's weights to start from; a head for other classes is new, auxiliary norms copy the main ones. */
  finetune: section({
    /** A run, a file of ours, timm's or torchvision's, an https address or hf:OWNER/NAME. */
    weights: textOrNull.default(null),
    /** Learning rate of the last stage, as a share of the schedule's, at which the head learns. */
    bodyRate: unit.default(1),
    /** Learning rate of each stage as a share of the next one's: below 1, the layers near the input learn more slowly. */
    layerDecay: unit.default(1),
    /** Stages that do not learn, counted from the input: 1 is the stem alone. Their norms keep the statistics that they have. */
    frozenStages: natural.default(0),
  }).prefault({}),
  training: section({
    /** Passes over the training images; of Fast AdvProp as many fewer as each costs more ({@link epochsOf}). */
    epochs: count.default(15),
    /** Images in a mini-batch, over all ranks; auto makes the update's images fit the memory in mini-batches of at most 256. */
    batchSize: countOrAuto.default(DEFAULT_BATCH_SIZE),
    /** Halves the mini-batch until an epoch has so many updates, the rate with it; null, as with a given size, leaves it. */
    minUpdatesPerEpoch: countOrNull.default(null),
    /** Smoothing of the labels of every training loss; an attack's own loss has hard labels. */
    labelSmoothing: share.default(0),
    /** Smoothing of the labels of the adversarial loss beside a clean one; null takes labelSmoothing. */
    adversarialLabelSmoothing: shareOrNull.default(null),
    /** Weight of the adversarial loss in the sum or mean of both. */
    adversarialWeight: positive.default(1),
    /**
     * sum adds adversarialWeight times the adversarial loss to the clean one, as the paper does; mean divides that by 1 +
     * adversarialWeight, as tingxueronghua/pytorch-classification-advprop does with a weight of 1.
     */
    lossReduction: oneOf(["sum", "mean"]).default("sum"),
    /** Alpha of Mixup, of clean images through the main norms, whose shares are drawn from Beta(alpha, alpha); 0 for none. */
    mixup: notNegative.default(0),
    /** Alpha of CutMix likewise; where both are given each image takes one of them. */
    cutmix: notNegative.default(0),
    /** Of Fast AdvProp: the share of the images that are attacked, and are not clean ones. */
    adversarialShare: properShare.default(ADVERSARIAL_SHARE),
    /** Scales the gradient of an update down to this Euclidean norm where it is larger; null leaves it. */
    clipGradientNorm: positiveOrNull.default(null),
    /** Mini-batches in an update, whose gradients are averaged. Batch norm sees each by itself. */
    accumulationSteps: count.default(1),
    /** Of several ranks: whether batch norm takes their parts of a mini-batch together, each route by itself, rather than each rank its own. */
    syncBatchNorm: flag.default(false),
    /** Decay of the weights' moving average, which is what is evaluated and exported; null keeps none. */
    averageDecay: shareOrNull.default(null),
    /** Gradient checkpointing: much less memory for about a third more time. */
    recompute: flag.default(false),
    /** Writes a line of metrics every so many steps. */
    logEverySteps: count.default(10),
    /** Saves every so many steps; null saves at the end of each epoch. */
    checkpointEverySteps: countOrNull.default(null),
    /** Keeps the checkpoint of every so many steps; null keeps only last and best. */
    keepEverySteps: countOrNull.default(null),
    /** Validates every so many epochs. */
    evaluateEveryEpochs: count.default(1),
    /** Ends the run where so many epochs brought no better validation accuracy. */
    earlyStoppingEpochs: countOrNull.default(null),
    /** Stops the run, saved and ready to be resumed, after so many hours. */
    timeBudgetHours: positiveOrNull.default(null),
  }).prefault({}),
  /** For fine-grained AdvProp: what each route takes. Where any is given, all must be ({@link FINE_GRAINED_ROUTES}). */
  routes: routes.optional(),
  /** How adversarial images are made for training. An attack of your own has all of these keys, and those that it declares. */
  attack: attack.prefault({}),
  /** How gradients become updates. */
  optimizer: named(sgd, rmsprop, adamw).prefault({}),
  /** How the learning rate goes during the run. */
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
 * The whole recipe. Parsing fills the defaults in. The attack's strength is that of the network; a method that makes no
 * attack has none, and noise has a norm and an epsilon alone. A method that has not two losses has no weight of the second.
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

/** Without the keys that have no effect with the method. */
function ofMethod(
  { adversarialWeight, lossReduction, adversarialShare, ...others }: WrittenTraining,
  method: MethodName,
): Omit<WrittenTraining, OfSomeMethods> & Partial<Pick<WrittenTraining, OfSomeMethods>> {
  if (method === "fast-advprop") return { ...others, adversarialShare };
  return takesLossWeights(method) ? { ...others, adversarialWeight, lossReduction } : others;
}

/** A recipe as it is written: what it leaves out has its default. */
export interface Recipe extends z.input<ReturnType<typeof recipeSchema>> {}

/** The recipe itself: an editor completes and checks what is written inside the call. */
export const defineRecipe = (recipe: Recipe): Recipe => recipe;

/** A recipe with every value in place: distances and sizes are numbers, the number of attack steps is decided. */
export interface ResolvedRecipe extends z.output<ReturnType<typeof recipeSchema>> {}
