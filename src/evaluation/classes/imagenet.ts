/** The classes of ImageNet-1k and of the evaluation sets for its models. Sources: `reference/README.md`. */
import { readFileSync } from "node:fs";
import { assert } from "../../errors.js";

// The path is the same from src/evaluation/classes and from dist/evaluation/classes.
const REFERENCE = new URL("../../../reference/", import.meta.url);

interface ImageNet {
  /** (1000) WordNet synsets in the order of the classes. */
  readonly synsets: readonly string[];
  /** (1000) All words of each class, in lower case. */
  readonly words: readonly (readonly string[])[];
  /** Index by every name of a class: its synset, all its words together, and each word that no other class has. */
  readonly index: ReadonlyMap<string, number>;
}

/** Indices into ImageNet's classes. */
interface Subsets {
  /** (200) ascending. */
  readonly imagenetA: readonly number[];
  /** (200) ascending. */
  readonly imagenetR: readonly number[];
  /** The classes of each of the 16 entry-level classes. */
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
 * @param name in any case: a synset "n01440764", all words "tench, Tinca tinca", or a single word "tench" that no other
 *   class has. Words can follow a synset: "n01440764 tench"
 */
export function imagenetIndex(name: string): number | undefined {
  const text = canonical(name);
  return imagenet().index.get(/^n\d{8}(?= )/.exec(text)?.[0] ?? text);
}

/** All words of an ImageNet class by its synset, such as "tench, tinca tinca"; undefined for any other name. */
export function imagenetWords(synset: string): string | undefined {
  if (!/^n\d{8}$/.test(synset)) return undefined;
  const index = imagenetIndex(synset);
  return index === undefined ? undefined : imagenet().words[index][0];
}

/**
 * Different names to display for different classes. A synset of ImageNet is shown by its first word, or by all of its words where another
 * class of the list has the same name, and together with the synset where all words are the same too: "crane" is a bird and a machine.
 * Any other name is kept.
 */
export function displayNames(names: readonly string[]): string[] {
  const words = names.map(imagenetWords);
  const longer = [(i: number) => words[i], (i: number) => words[i] && `${words[i]} (${names[i]})`];
  return longer.reduce(
    (shown, name) => {
      const count = new Map<string, number>();
      for (const one of shown) count.set(one, (count.get(one) ?? 0) + 1);
      return shown.map((one, i) => (count.get(one)! > 1 ? (name(i) ?? one) : one));
    },
    names.map((name, i) => words[i]?.split(", ")[0] ?? name),
  );
}

/** Whether names are those of ImageNet's 1,000 classes, in any order. */
export const areImagenetClasses = (names: readonly string[]): boolean =>
  names.length === 1000 &&
  !names.map(imagenetIndex).includes(undefined) &&
  new Set(names.map(imagenetIndex)).size === 1000;

/** A list of 1,000 names counts as ImageNet's if at least this many names are known at their index. The others may be renamed. */
const KNOWN_NAMES = 500;

/**
 * Unique names for a list of ImageNet's classes in their usual order, with or without a background class before them. A name
 * is kept where only its class has it. Otherwise it is replaced by the synset: in lists of first words, "crane" is both a
 * bird and a machine.
 *
 * @returns undefined where the list has another length, has the name of a class at the index of another one, or has too few known
 *   names
 */
export function namesInImagenetOrder(names: readonly string[]): string[] | undefined {
  const background = names.length - 1000;
  if (background !== 0 && background !== 1) return undefined;
  const { synsets, words } = imagenet();
  const list = names.slice(background);
  const indices = list.map(imagenetIndex);
  if (indices.some((index, i) => index !== undefined && index !== i)) return undefined;
  const known = list.filter((name, i) => indices[i] === i || words[i].includes(canonical(name)));
  if (known.length < KNOWN_NAMES) return undefined;
  return [...names.slice(0, background), ...list.map((name, i) => (indices[i] === i ? name : synsets[i]))];
}

/** The classes of the evaluation sets for ImageNet models. */
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
  // "crane" is a bird and a machine, so that it identifies neither.
  for (const word of shared) index.delete(word);
  words.forEach((all, i) => {
    if (!shared.has(all)) index.set(all, i);
  });
  synsets.forEach((synset, i) => {
    index.set(synset, i);
  });
  return { synsets, words: words.map((all) => [all, ...all.split(", ")]), index };
}

const canonical = (name: string): string => name.trim().toLowerCase().replace(/_/g, " ");
