/** Which network a set of tensors is of, by their names and shapes, and the tensors under that network's names. */
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
  /** Number of classes, by the head. */
  readonly classes: number;
  /** Names that its sets of auxiliary norms get. */
  readonly routes: readonly string[];
  /** Under the network's names; only counters of batch norms may be missing. */
  readonly tensors: Tensors;
  readonly layout: Layout;
  /** Whose names they were. */
  readonly layoutName: string;
}

const HEADS = ["fc.weight", "classifier.weight", "_fc.weight", "linear.weight"];

/**
 * Recognises a network. Head and auxiliary norms may be of any number.
 *
 * @param model the network that it must be; by default any of the registry
 * @throws ERR_MODEL there is no network of that name; ERR_WEIGHTS the tensors fit none: what is missing, unexpected and wrongly
 *   shaped is listed together, for the nearest
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
    return refuseMisfit(misfit, name, source, "Leave `model` out to find the network by its tensors.");
  }
  const fitting = best.tensors - misfit.missing.length - misfit.misshapen.length;
  if (2 * fitting < best.tensors) {
    throw new UsageError(
      "ERR_WEIGHTS",
      `${source}: the ${tensors.size} tensors are of no network here: the nearest, ${name}, has ${fitting} of its ${best.tensors} in common with them. ${OF_OWN}`,
    );
  }
  return refuseMisfit(misfit, name, source, "That is the nearest network here.");
}

const OF_OWN = "If they are of a network of your own, give the file that registers it by `parts`";

/** The networks of the family that the names belong to, and those of the user's own. */
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
    `${source}: the names of its ${names.length} tensors (${names.slice(0, 4).join(", ")}, ...) are of no network here. ` +
      `Known are ResNets, wide ResNets and EfficientNets, by the names of timm, torchvision and efficientnet_pytorch. ${OF_OWN}`,
  );
}

/** `wide-resnet-D-K`: blocks in a stage and channels of the first say D and K. */
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
