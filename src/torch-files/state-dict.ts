/** Finds the weights of a network in the file of a training script, and removes common prefixes from their names. */
import { refuseTorchFile } from "./file-range.js";
import { isTensor, type PickleValue } from "./pickle-globals.js";
import type { TorchTensor } from "./tensor.js";

/** Names of entries with the moving average of the weights, which training scripts use for evaluation. */
const AVERAGES = ["state_dict_ema", "model_ema", "ema_state_dict", "ema"];
/** Names of entries with the weights in common training scripts. The first one that exists is used. */
const WEIGHTS = ["state_dict", "model", "model_state_dict", "net", "network", "weights", "params"];
/** Prefixes that wrappers add to every name: data parallelism, torch.compile, Lightning and others. */
const PREFIXES = ["module.", "_orig_mod.", "model.", "net.", "network."];
/** The counter of torch.optim.swa_utils.AveragedModel, which is not a weight. */
const AVERAGE_COUNTER = "n_averaged";

/**
 * The tensors by name.
 *
 * Where a dictionary has both, the moving average is used and not the weights. Prefixes that all names share are removed,
 * also several one after the other.
 *
 * @returns also a note for the user where there was a choice
 * @throws ERR_TORCH_FILE there are no weights in it
 */
export function findStateDict(
  value: PickleValue,
  source: string,
): { tensors: Map<string, TorchTensor>; notes: readonly string[] } {
  const { state, note } = chooseEntry(value, source);
  const tensors = new Map<string, TorchTensor>();
  const others: string[] = [];
  for (const [name, entry] of state) {
    if (name === AVERAGE_COUNTER) continue;
    if (typeof name === "string" && isTensor(entry)) tensors.set(name, entry);
    else others.push(`${String(name)} (${describe(entry)})`);
  }
  if (others.length > 0) {
    return refuseTorchFile(source, `its weights must be tensors; there are also ${list(others)}.`);
  }
  return { tensors: withoutPrefixes(tensors), notes: note === undefined ? [] : [note] };
}

/** Removes the prefixes that all names share. */
export function withoutPrefixes<T>(tensors: ReadonlyMap<string, T>): Map<string, T> {
  const names = [...tensors.keys()];
  const prefix = PREFIXES.find((one) => names.length > 0 && names.every((name) => name.startsWith(one)));
  if (prefix === undefined) return new Map(tensors);
  return withoutPrefixes(new Map(Array.from(tensors, ([name, tensor]) => [name.slice(prefix.length), tensor])));
}

type Entries = ReadonlyMap<PickleValue, PickleValue>;

function chooseEntry(value: PickleValue, source: string): { state: Entries; note?: string } {
  if (!(value instanceof Map)) {
    const remedy = "Save its state_dict() in Python: torch.save(model.state_dict(), NEW_FILE)";
    return refuseTorchFile(source, `must hold a dictionary of tensors; it holds ${describe(value)}. ${remedy}.`);
  }
  const find = (names: readonly string[]) => names.find((name) => hasTensors(inner(value.get(name))));
  const average = find(AVERAGES);
  const weights = find(WEIGHTS);
  const chosen = average ?? weights;
  if (chosen === undefined && hasTensors(value)) return { state: value };
  const state = chosen === undefined ? onlyState(value) : inner(value.get(chosen));
  if (!(state instanceof Map)) {
    const entries = Array.from(value, ([name, entry]) => `${String(name)} (${describe(entry)})`);
    return refuseTorchFile(
      source,
      `has no entry with weights (${[...AVERAGES, ...WEIGHTS].join(", ")}); it has ${list(entries)}.`,
    );
  }
  if (average === undefined) return { state };
  const beside = weights === undefined ? "" : `, not those of ${weights}`;
  return { state, note: `The weights are the moving average, the entry ${average}${beside}.` };
}

/** A dictionary of tensors, or the one inside of a wrapper's dictionary. */
function inner(value: PickleValue | undefined): PickleValue | undefined {
  if (!(value instanceof Map) || hasTensors(value)) return value;
  return value.get("state_dict") ?? value.get("module");
}

/** The only entry that is a dictionary of tensors, whatever its name is. */
function onlyState(value: Entries): PickleValue | undefined {
  const states = [...value.values()].filter(hasTensors);
  return states.length === 1 ? states[0] : undefined;
}

/** Whether most of a dictionary's entries are tensors. The others are then reported. */
function hasTensors(value: PickleValue | undefined): boolean {
  if (!(value instanceof Map) || value.size === 0) return false;
  let tensors = 0;
  for (const entry of value.values()) if (isTensor(entry)) tensors += 1;
  return 2 * tensors > value.size;
}

function describe(value: PickleValue): string {
  if (value === null) return "None";
  if (value instanceof Map) return `a dictionary of ${value.size}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isTensor(value)) return `a tensor of shape [${value.shape}]`;
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 40))}`;
  return typeof value === "object" ? "a set, bytes or a type" : String(value);
}

const SHOWN = 8;
const list = (all: readonly string[]): string =>
  `${all.slice(0, SHOWN).join(", ")}${all.length > SHOWN ? ` and ${all.length - SHOWN} more` : ""}`;
