/** Recognises the network of a set of tensors by their names and shapes, and renames the tensors to that network's names. */
import { assert, UsageError } from "../errors.js";
import { type Architecture, architecture, modelNames } from "../models/registry.js";
import { registeredNames } from "../registered-parts.js";
import type { StoredTensor } from "../torch-files/tensor.js";
import { renameAuxiliary } from "./auxiliary-names.js";
import {
  type Family,
  familyOf,
  isEfficientNetPytorch,
  type Renamed,
  refuseLookAlikes,
  renameEfficientNetPytorch,
  renameResNet,
  stagesOf,
} from "./family-names.js";
import { COUNTER, type Layout, layoutOf, type Misfit, misfitOf, misfits, refuseMisfit } from "./layout.js";

type Tensors = ReadonlyMap<string, StoredTensor>;

export interface Recognized {
  /** Its name in the registry. */
  readonly name: string;
  /** Number of classes, from the head. */
  readonly classes: number;
  /** Names for its sets of auxiliary norms. */
  readonly routes: readonly string[];
  /** By the network's names. Only counters of batch norms can be missing. */
  readonly tensors: Tensors;
  readonly layout: Layout;
  /** The code base of the old names. */
  readonly layoutName: string;
}

const HEADS = ["fc.weight", "classifier.weight", "_fc.weight", "linear.weight"];

/**
 * Recognises a network with any number of classes and of auxiliary norms.
 *
 * @param model the expected network; by default any of the registry
 * @throws ERR_MODEL there is no network with that name; ERR_WEIGHTS the tensors fit no network: the message lists missing,
 *   unexpected and wrongly shaped tensors for the nearest one
 */
export function recognize(given: Tensors, source: string, model?: string): Recognized {
  refuseLookAlikes(given, source);
  const { tensors, sets, what } = renameAuxiliary(given);
  const classes = HEADS.map((name) => tensors.get(name)?.shape[0]).find((length) => length !== undefined);
  const routes = Array.from({ length: sets }, (_, k) => (k === 0 ? "aux" : `aux-${k + 1}`));
  const candidates = model === undefined ? candidatesFor(tensors, source) : [architecture(model)];
  let best: { name: string; misfit: Misfit; tensors: number } | undefined;
  for (const candidate of candidates) {
    const layout = layoutOf(candidate, classes ?? candidate.classes, routes);
    const renamed = renamedFor(candidate.name, tensors, layout);
    const misfit = misfitOf(renamed.tensors, layout);
    if (misfits(misfit) === 0 && classes !== undefined) {
      const layoutName = what === undefined ? renamed.what : `${renamed.what}, with ${what}`;
      return { name: candidate.name, classes, routes, tensors: renamed.tensors, layout, layoutName };
    }
    if (best !== undefined && misfits(misfit) >= misfits(best.misfit)) continue;
    best = { name: candidate.name, misfit, tensors: [...layout.keys()].filter((key) => !key.endsWith(COUNTER)).length };
  }
  assert(best !== undefined, "there is a candidate");
  const { name, misfit } = best;
  if (model !== undefined) {
    return refuseMisfit(misfit, name, source, "Leave `model` out to recognise the network by its tensors.");
  }
  const fitting = best.tensors - misfit.missing.length - misfit.misshapen.length;
  if (2 * fitting < best.tensors) {
    throw new UsageError(
      "ERR_WEIGHTS",
      `${source}: the ${tensors.size} tensors belong to no network here. The most similar one, ${name}, has ${fitting} of its ${best.tensors} tensors in common with them. ${OF_OWN}`,
    );
  }
  return refuseMisfit(misfit, name, source, "This is the most similar network here.");
}

const OF_OWN = "If they belong to your own network, give the file that registers it with `parts`";

/** The networks of the family with these names, and those that the user has registered. */
function candidatesFor(tensors: Tensors, source: string): readonly Architecture[] {
  const family: Family | undefined = isEfficientNetPytorch(tensors) ? "efficientNet" : familyOf(tensors);
  const own = registeredNames("network");
  const ofFamily = {
    resnet: modelNames().filter((name) => name.startsWith("resnet") && !own.includes(name)),
    efficientNet: modelNames().filter((name) => name.startsWith("efficientnet") && !own.includes(name)),
    wideResNet: family === "wideResNet" ? [wideResNetName(tensors)] : [],
  };
  const candidates = [...(family === undefined ? [] : ofFamily[family]), ...own].map(architecture);
  if (candidates.length > 0) return candidates;
  const names = [...tensors.keys()];
  throw new UsageError(
    "ERR_WEIGHTS",
    `${source}: the names of its ${names.length} tensors (${names.slice(0, 4).join(", ")}, ...) belong to no network here. ` +
      `Known are ResNets, wide ResNets and EfficientNets, by the names of timm, torchvision and efficientnet_pytorch. ${OF_OWN}`,
  );
}

/** `wide-resnet-D-K`, where D and K follow from the number of blocks in a stage and the channels of the first stage. */
function wideResNetName(tensors: Tensors): string {
  let blocks = 0;
  while (tensors.has(`block1.layer.${blocks}.conv1.weight`)) blocks += 1;
  const width = Math.max(1, Math.round((tensors.get("block1.layer.0.conv1.weight")?.shape[0] ?? 0) / 16));
  return `wide-resnet-${6 * blocks + 4}-${width}`;
}

function renamedFor(model: string, tensors: Tensors, layout: Layout): Renamed<StoredTensor> {
  if (registeredNames("network").includes(model)) return { tensors, what: "its own layers" };
  if (isEfficientNetPytorch(tensors)) return renameEfficientNetPytorch(tensors, stagesOf(layout.keys()));
  const family = familyOf(tensors);
  if (family === "resnet") return renameResNet(tensors);
  return { tensors, what: family === "efficientNet" ? "timm's tf_efficientnet" : "the usual port" };
}
