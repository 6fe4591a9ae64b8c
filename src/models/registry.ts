/** The networks by name. */
import { didYouMean, UsageError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { type NormFactory, normFactory, RoutedBatchNorm } from "../nn/routed-batch-norm.js";
import { Classifier, type ModelSpecification, NORMALIZATIONS } from "./classifier.js";
import { RESNETS, ResNet } from "./resnet.js";

/** An entry of the registry. */
export interface Architecture {
  readonly name: string;
  /** Side of the images it was published for. */
  readonly imageSize: number;
  /** Classes of the data set it was published for, which its published parameter count includes. */
  readonly classes: number;
  build(classes: number, routes: readonly string[]): Module;
}

const withNorm =
  (build: (classes: number, norm: NormFactory) => Module) => (classes: number, routes: readonly string[]) =>
    build(classes, normFactory(routes));

const ARCHITECTURES = new Map<string, Architecture>(
  Object.entries(RESNETS).map(([name, config]) => {
    const cifar = config.stem === "cifar";
    return [
      name,
      {
        name,
        imageSize: cifar ? 32 : 224,
        classes: cifar ? 10 : 1000,
        build: withNorm((classes, norm) => new ResNet(config, classes, norm)),
      },
    ];
  }),
);

/** Every name of the registry. */
export const modelNames = (): string[] => [...ARCHITECTURES.keys()];

/** @throws ERR_MODEL there is none of that name */
export function architecture(name: string): Architecture {
  const found = ARCHITECTURES.get(name);
  if (found === undefined) {
    throw new UsageError(
      "ERR_MODEL",
      `no model named ${name}.${didYouMean(name, ARCHITECTURES.keys())} Known are ${modelNames().join(", ")}`,
    );
  }
  return found;
}

/** What a classifier is made of; what is not given is the architecture's own. */
export interface ClassifierOptions {
  readonly classes: readonly string[];
  readonly routes?: readonly string[];
  readonly imageSize?: number;
  readonly normalization?: ModelSpecification["normalization"];
}

/** A classifier by name, not yet initialised. @throws ERR_MODEL */
export function createClassifier(name: string, options: ClassifierOptions): Classifier {
  const found = architecture(name);
  const { classes, routes = [], imageSize = found.imageSize, normalization } = options;
  if (classes.length < 2) {
    throw new UsageError("ERR_CLASSES", `${name}: a classifier needs at least 2 classes; got ${classes.length}`);
  }
  return new Classifier(found.build(classes.length, routes), {
    name,
    classes,
    routes,
    imageSize,
    normalization: normalization ?? (found.imageSize === 32 ? NORMALIZATIONS.cifar10 : NORMALIZATIONS.half),
  });
}

/** Counts of a network without auxiliary routes. */
export interface ModelSummary {
  readonly name: string;
  readonly parameters: number;
  readonly batchNorms: number;
  readonly batchNormChannels: number;
  readonly imageSize: number;
}

/** Counts a network from its declaration; nothing is allocated. */
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
