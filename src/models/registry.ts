/** The networks by name. */
import { didYouMean, UsageError } from "../errors.js";
import { defaultView } from "../evaluation/view.js";
import type { Module } from "../nn/module.js";
import { normFactory, RoutedBatchNorm } from "../nn/routed-batch-norm.js";
import { noteRegistered } from "../registered-parts.js";
import { Classifier, type ModelSpecification, NORMALIZATIONS } from "./classifier.js";
import { EFFICIENTNET_BATCH_NORM, EFFICIENTNETS, EfficientNet } from "./efficientnet.js";
import { RESNETS, ResNet } from "./resnet.js";
import type { ModelSummary } from "./summaries.js";
import { parseWideResNet, WideResNet, type WideResNetConfig } from "./wide-resnet.js";

/** An entry of the registry. */
export interface Architecture {
  /** Its name in recipes and files. */
  readonly name: string;
  /** Side of the images for which it was published. */
  readonly imageSize: number;
  /** Number of classes for which it was published, which its published parameter count includes. */
  readonly classes: number;
  /**
   * Makes the network without initialising it. It maps normalised images (N, 3, H, W) to logits (N, classes).
   *
   * @param routes the auxiliary routes; `normFactory(routes)` makes batch norms with these routes
   */
  build(classes: number, routes: readonly string[]): Module;
}

/** Image sizes and numbers of classes for which networks were published: CIFAR-10 and ImageNet. */
const CIFAR = { imageSize: 32, classes: 10 } as const;
const IMAGENET = { imageSize: 224, classes: 1000 } as const;

const resnets = Object.entries(RESNETS).map(
  ([name, config]): Architecture => ({
    name,
    ...(config.stem === "cifar" ? CIFAR : IMAGENET),
    build: (classes, routes) => new ResNet(config, classes, normFactory(routes)),
  }),
);

const wideResNet = (name: string, config: WideResNetConfig): Architecture => ({
  name,
  ...CIFAR,
  build: (classes, routes) => new WideResNet(config, classes, normFactory(routes)),
});

/** The listed wide ResNets. Others can be used by their names too. */
const wideResNets = [
  wideResNet("wide-resnet-16-4", { depth: 16, width: 4 }),
  wideResNet("wide-resnet-28-10", { depth: 28, width: 10 }),
];

const efficientNets = Object.entries(EFFICIENTNETS).map(
  ([name, config]): Architecture => ({
    name,
    imageSize: config.imageSize,
    classes: IMAGENET.classes,
    build: (classes, routes) => new EfficientNet(config, classes, normFactory(routes, EFFICIENTNET_BATCH_NORM)),
  }),
);

const ARCHITECTURES = new Map<string, Architecture>(
  [...resnets, ...wideResNets, ...efficientNets].map((entry) => [entry.name, entry]),
);

/**
 * Adds a network, so that `train`, recipes, runs and weights files know its name. A program that opens its weights later
 * must register it first; the command line loads the file that does so by `--parts`.
 *
 * @throws UsageError ERR_MODEL the name is taken, or `build` is no function
 */
export function registerModel(entry: Architecture): void {
  if (ARCHITECTURES.has(entry.name) || parseWideResNet(entry.name) !== undefined) {
    throw new UsageError(
      "ERR_MODEL",
      `registerModel: a network named ${entry.name} exists already. Choose another name`,
    );
  }
  if (typeof entry.build !== "function") {
    throw new UsageError(
      "ERR_MODEL",
      `registerModel: ${entry.name} must have a function \`build\`; got ${typeof entry.build}`,
    );
  }
  noteRegistered("network", entry.name);
  ARCHITECTURES.set(entry.name, entry);
}

/** The names of the listed networks. Wide ResNets of other sizes have names too: see {@link architecture}. */
export const modelNames = (): string[] => [...ARCHITECTURES.keys()];

/**
 * The architecture of a name: one of {@link modelNames}, or `wide-resnet-D-K` with D = 6n + 4.
 *
 * @throws ERR_MODEL there is no network with that name
 */
export function architecture(name: string): Architecture {
  const found = ARCHITECTURES.get(name);
  if (found !== undefined) return found;
  const wide = parseWideResNet(name);
  if (wide !== undefined) return wideResNet(name, wide);
  throw new UsageError(
    "ERR_MODEL",
    `no model named ${name}.${didYouMean(name, ARCHITECTURES.keys())} Known are ${modelNames().join(", ")}, and any wide-resnet-D-K with D = 6n + 4. ` +
      "For your own network, give the file that registers it with `parts`",
  );
}

/** The options of a classifier. By default they are those of the architecture. */
export interface ClassifierOptions {
  readonly classes: readonly string[];
  readonly routes?: readonly string[];
  readonly imageSize?: number;
  readonly normalization?: ModelSpecification["normalization"];
  /** By default {@link defaultView} of the image size. */
  readonly view?: ModelSpecification["view"];
}

/** Makes a classifier by name without initialising it. @throws ERR_MODEL; ERR_CLASSES fewer than two classes, or a name twice */
export function createClassifier(name: string, options: ClassifierOptions): Classifier {
  const found = architecture(name);
  const { classes, routes = [], imageSize = found.imageSize, normalization, view = defaultView(imageSize) } = options;
  if (classes.length < 2) {
    throw new UsageError("ERR_CLASSES", `${name}: a classifier needs at least 2 classes; got ${classes.length}`);
  }
  const seen = new Set<string>();
  const twice = classes.find((one) => seen.has(one) || !seen.add(one));
  if (twice !== undefined) {
    throw new UsageError("ERR_CLASSES", `${name}: each class needs a different name; ${twice} occurs twice`);
  }
  return new Classifier(found.build(classes.length, routes), {
    name,
    classes,
    routes,
    imageSize,
    normalization: normalization ?? (found.imageSize === 32 ? NORMALIZATIONS.cifar10 : NORMALIZATIONS.half),
    view,
  });
}

/** Counts the parameters of a network from its declaration, without allocating them. */
export function summarize({ name, imageSize, classes, build }: Architecture): ModelSummary {
  const network = build(classes, []);
  let parameters = 0;
  for (const [, parameter] of network.namedParameters()) parameters += parameter.size;
  const norms = Array.from(network.namedModules(), ([, module]) => module).filter(
    (module) => module instanceof RoutedBatchNorm,
  );
  const batchNormChannels = norms.reduce((total, { channels }) => total + channels, 0);
  return { name, parameters, batchNorms: norms.length, batchNormChannels, imageSize };
}
