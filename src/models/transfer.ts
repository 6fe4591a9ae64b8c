/** Weights of one classifier as the start of another: what fine-tuning begins with. */
import { UsageError } from "../errors.js";
import { MAIN_ROUTE } from "../nn/context.js";
import type { SafetensorsTensor } from "../runs/safetensors.js";
import type { Classifier, ModelSpecification } from "./classifier.js";
import { isHead } from "./staged-network.js";
import { loadState } from "./weights.js";

const AUXILIARY = /\.aux_bn\.\d+\./;

export interface TransferSource {
  readonly specification: Pick<ModelSpecification, "name" | "classes" | "routes">;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
}

/** What a transfer did, for the user. */
export interface TransferReport {
  /** Whether the head starts from zeros because the classes are others. */
  readonly headReplaced: boolean;
  /** Auxiliary routes that start as copies of the main one. */
  readonly routesFromMain: readonly string[];
}

/**
 * Overwrites an initialised classifier with another's weights of the same architecture.
 *
 * The head is taken over where the classes are the same, by name and order. Where they are not it starts from zeros: every class is
 * as likely as the others, and the first gradients do not pass through random weights to the features. An auxiliary route that the source has too is taken over; one that it has not starts as a copy of the main norms.
 *
 * @throws ERR_WEIGHTS the source is of another architecture
 */
export function transferWeights(
  model: Classifier,
  { specification, tensors }: TransferSource,
  source: string,
): TransferReport {
  const { name, classes, routes } = model.specification;
  if (specification.name !== name) {
    throw new UsageError(
      "ERR_WEIGHTS",
      `${source}: the weights are of ${specification.name}, the model is ${name}. Choose \`model: ${specification.name}\``,
    );
  }
  const target = model.network.state();
  const sameClasses =
    specification.classes.length === classes.length && specification.classes.every((c, i) => c === classes[i]);
  const chosen = new Map<string, SafetensorsTensor>();
  for (const [key, { shape }] of target) {
    const found =
      sameClasses || !isHead(key) ? tensors.get(sourceKey(key, routes, specification.routes)) : zerosOf(shape);
    if (found !== undefined) chosen.set(key, found);
  }
  loadState(target, chosen, source);
  return {
    headReplaced: !sameClasses,
    routesFromMain: routes.filter((route) => !specification.routes.includes(route)),
  };
}

const zerosOf = (shape: readonly number[]): SafetensorsTensor => ({
  dtype: "F32",
  shape,
  data: new Uint8Array(4 * shape.reduce((product, length) => product * length, 1)),
});

/** Where the source has what a key of the target holds: auxiliary norms are found by the name of their route. */
function sourceKey(key: string, routes: readonly string[], sourceRoutes: readonly string[]): string {
  const auxiliary = AUXILIARY.exec(key);
  if (auxiliary === null) return key;
  const route = routes[Number(auxiliary[0].split(".")[2])] ?? MAIN_ROUTE;
  const place = sourceRoutes.indexOf(route);
  return key.replace(AUXILIARY, place === -1 ? "." : `.aux_bn.${place}.`);
}
