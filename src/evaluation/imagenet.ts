/** The classes of ImageNet-1k and of the sets that are made for its models. Sources: `reference/README.md`. */
import { readFileSync } from "node:fs";
import { assert } from "../errors.js";

// The same two levels up from src/evaluation and from dist/evaluation.
const REFERENCE = new URL("../../reference/", import.meta.url);

interface ImageNet {
  /** (1000) WordNet synsets in the order of the classes. */
  readonly synsets: readonly string[];
  /** Index by everything that a class is called: its synset, all its words, and a word that no other class has. */
  readonly index: ReadonlyMap<string, number>;
}

/** Indices into ImageNet's classes. */
interface Subsets {
  /** (200) ascending. */
  readonly imagenetA: readonly number[];
  /** (200) ascending. */
  readonly imagenetR: readonly number[];
  /** The classes that each of the 16 entry-level classes stands for. */
  readonly cueConflict: Readonly<Record<string, readonly number[]>>;
}

let classes: ImageNet | undefined;
let subsets: Subsets | undefined;

function imagenet(): ImageNet {
  classes ??= readClasses();
  return classes;
}

/** (1000) The synsets of ImageNet's classes in their usual order. */
export const imagenetSynsets = (): readonly string[] => imagenet().synsets;

/**
 * The index of one of ImageNet's classes in the usual order.
 *
 * @param name "n01440764", "tench, Tinca tinca", or a single word ("tench") that no other class has, in any case
 */
export const imagenetIndex = (name: string): number | undefined => imagenet().index.get(canonical(name));

/** The classes of the sets for ImageNet's models. */
export function imagenetSubsets(): Subsets {
  subsets ??= JSON.parse(readFileSync(new URL("imagenet-subsets.json", REFERENCE), "utf8")) as Subsets;
  return subsets;
}

function readClasses(): ImageNet {
  const lines = readFileSync(new URL("imagenet-classes.txt", REFERENCE), "utf8").trim().split("\n");
  assert(lines.length === 1000, `imagenet-classes.txt has ${lines.length} lines`);
  const synsets = lines.map((line) => line.slice(0, line.indexOf(" ")));
  const words = lines.map((line) => canonical(line.slice(line.indexOf(" ") + 1)));
  const index = new Map<string, number>();
  const shared = new Set<string>();
  words.forEach((all, i) => {
    for (const word of all.split(", ")) {
      if (index.has(word)) shared.add(word);
      index.set(word, i);
    }
  });
  // "crane" is a bird and a machine: neither.
  for (const word of shared) index.delete(word);
  words.forEach((all, i) => {
    if (!shared.has(all)) index.set(all, i);
  });
  synsets.forEach((synset, i) => {
    index.set(synset, i);
  });
  return { synsets, index };
}

const canonical = (name: string): string => name.trim().toLowerCase().replace(/_/g, " ");
