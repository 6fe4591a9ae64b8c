/** The names and shapes of a network of the registry, without allocating it, and their comparison with other tensors. */
import { UsageError } from "../errors.js";
import type { Architecture } from "../models/registry.js";
import type { StoredTensor } from "../torch-files/tensor.js";
import { isFloat } from "./elements.js";

/** Shapes by name, in order. */
export type Layout = ReadonlyMap<string, readonly number[]>;

/** Suffix of a norm's counter of updates, which is missing in files from before PyTorch 0.4.1. */
export const COUNTER = ".num_batches_tracked";

export function layoutOf({ build }: Architecture, classes: number, routes: readonly string[]): Layout {
  const network = build(classes, routes);
  return new Map(
    [...network.namedParameters(), ...network.namedBuffers()].map(([name, { shape }]) => [name, shape] as const),
  );
}

/** All differences between some tensors and a network. */
export interface Misfit {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  /** Sentences about tensors of another shape or dtype. */
  readonly misshapen: readonly string[];
}

export function misfitOf(tensors: ReadonlyMap<string, StoredTensor>, layout: Layout): Misfit {
  const misshapen: string[] = [];
  for (const [name, shape] of layout) {
    const found = tensors.get(name);
    if (found === undefined || name.endsWith(COUNTER)) continue;
    if (found.shape.length !== shape.length || found.shape.some((length, i) => length !== shape[i])) {
      misshapen.push(`${name} must have shape [${shape}]; got [${found.shape}]`);
    } else if (!isFloat(found)) misshapen.push(`${name} must be floating-point numbers; got ${found.dtype}`);
  }
  return {
    missing: [...layout.keys()].filter((name) => !tensors.has(name) && !name.endsWith(COUNTER)),
    unexpected: [...tensors.keys()].filter((name) => !layout.has(name)),
    misshapen,
  };
}

export const misfits = ({ missing, unexpected, misshapen }: Misfit): number =>
  missing.length + unexpected.length + misshapen.length;

/** @throws ERR_WEIGHTS with all differences */
export function refuseMisfit(misfit: Misfit, model: string, source: string, advice: string): never {
  const { missing, unexpected, misshapen } = misfit;
  const parts = [
    listed("missing", missing),
    listed("not of this network", unexpected),
    listed("of another shape or type", misshapen, "; "),
  ];
  throw new UsageError(
    "ERR_WEIGHTS",
    `${source}: the tensors do not fit ${model}. Nothing was loaded.\n${parts.filter(Boolean).join("\n")}\n${advice}`,
  );
}

const SHOWN = 6;

function listed(what: string, all: readonly string[], separator = ", "): string {
  if (all.length === 0) return "";
  const more = all.length > SHOWN ? `${separator}and ${all.length - SHOWN} more` : "";
  return `  ${what} (${all.length}): ${all.slice(0, SHOWN).join(separator)}${more}`;
}
