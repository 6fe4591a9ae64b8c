/** Starts a classifier from the weights of another one, for fine-tuning. */
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

/** The result of a transfer, for the user. */
export interface TransferReport {
  /** Whether the head starts from zeros because the classes differ. */
  readonly headReplaced: boolean;
  /** Auxiliary routes that start as copies of the main route. */
  readonly routesFromMain: readonly string[];
}

/**
 * Overwrites an initialised classifier with the weights of another one with the same architecture.
 *
 * The head is copied if the classes have the same names in the same order. Otherwise it starts from zeros, so that every class is
 * equally likely, and the first gradients do not pass through random weights to the features. An auxiliary route is copied if the
 * source has it. Otherwise it starts as a copy of the main norms.
 *
 * @throws ERR_WEIGHTS the source has another architecture
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

/** The key of the source for a key of the target. Auxiliary norms are matched by the name of their route. */
function sourceKey(key: string, routes: readonly string[], sourceRoutes: readonly string[]): string {
  const auxiliary = AUXILIARY.exec(key);
  if (auxiliary === null) return key;
  const route = routes[Number(auxiliary[0].split(".")[2])] ?? MAIN_ROUTE;
  const index = sourceRoutes.indexOf(route);
  return key.replace(AUXILIARY, index === -1 ? "." : `.aux_bn.${index}.`);
}
