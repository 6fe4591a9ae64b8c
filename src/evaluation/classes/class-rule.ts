/** How the classes of a model are matched to the classes of a set, where the two differ. */
import type { Pixels } from "../../data/loading/batch.js";
import type { EvaluationImages } from "../../data/opened-data.js";
import { didYouMean, UsageError } from "../../errors.js";
import type { Predictor } from "../predictor.js";
import type { ClassMap } from "./class-map.js";
import { imagenetIndex, imagenetSubsets, imagenetSynsets } from "./imagenet.js";

/** A published set that is recognised by the names of its folders. */
export type KnownSet = "imagenet-a" | "imagenet-r" | "cue-conflict";

/** How the predictions of a model are scored on a set. */
export interface ClassRule {
  /** One sentence, for reports. */
  readonly description: string;
  /** The classes between which the rule decides, in the order of the scores. */
  readonly classes: readonly string[];
  /** (D) for each class of the set, the index of the right class. */
  readonly labels: readonly number[];
  /**
   * For each class of the rule, the model's classes that are joined into it. Undefined where the scores are the model's
   * logits. Only then can the model be attacked.
   */
  readonly columns: readonly (readonly number[])[] | undefined;
  /** Whether the probabilities of joined classes are added or averaged. */
  readonly join: "sum" | "mean";
}

/** The fields of a set that a rule depends on. */
interface SetClasses {
  readonly name: string;
  /** Names of its classes: its folders. */
  readonly classes: readonly string[];
}

/** The known set that has exactly these folders, if any. */
export function knownSet(folders: readonly string[]): KnownSet | undefined {
  const { imagenetA, imagenetR, cueConflict } = imagenetSubsets();
  const synsets = (indices: readonly number[]) => indices.map((index) => imagenetSynsets()[index]);
  if (isSameList(folders, synsets(imagenetA))) return "imagenet-a";
  if (isSameList(folders, synsets(imagenetR))) return "imagenet-r";
  return isSameList(folders, Object.keys(cueConflict)) ? "cue-conflict" : undefined;
}

/**
 * The rule for a model on a set.
 *
 * * With a class map: see {@link ClassMap}.
 * * ImageNet-A and ImageNet-R: argmax over the model's columns of their 200 classes (`eval.py` of
 *   https://github.com/hendrycks/natural-adv-examples and https://github.com/hendrycks/imagenet-r).
 * * Texture-shape cue conflict: argmax over 16 entry-level classes of the mean probability of their ImageNet classes (Geirhos et
 *   al. 2019, https://github.com/rgeirhos/texture-vs-shape, `probabilities_to_decision.py`).
 * * Otherwise: argmax over all classes of the model, including those that the set does not have. Classes are matched by
 *   name. Those of ImageNet are also matched by synset or words. They are matched by number where the folders are 0 to 999,
 *   as in ImageNet V2, and the model has ImageNet's classes.
 *
 * @throws ERR_CLASSES the model does not have a class of the set; ERR_CLASS_MAP the map does not fit
 */
export function classRule(model: readonly string[], set: SetClasses, map?: ClassMap): ClassRule {
  const column = columnFinder(model);
  if (map !== undefined) return mappedRule(model, set, map, column);
  const known = isSameList(model, set.classes) ? undefined : knownSet(set.classes);
  if (known === "imagenet-a" || known === "imagenet-r") {
    const columns = columnsOf(set.classes, column, set.name).map((one) => [one]);
    return subsetRule(set.classes, columns, `${known}: argmax over the columns of its 200 classes`);
  }
  if (known === "cue-conflict" && set.classes.some((name) => column(name) === undefined)) {
    const { cueConflict } = imagenetSubsets();
    const columns = set.classes.map((name) => {
      const synsets = cueConflict[name].map((index) => imagenetSynsets()[index]);
      return columnsOf(synsets, column, set.name);
    });
    return subsetRule(
      set.classes,
      columns,
      "16 entry-level classes: argmax over the mean probabilities of their classes",
    );
  }
  const byNumber = isNumbered(set.classes) && isImagenet(model);
  const names = byNumber ? set.classes.map((number) => imagenetSynsets()[Number(number)]) : set.classes;
  return wholeRule(model, columnsOf(names, column, set.name));
}

/** A predictor that returns the scores of a rule. */
export function underRule<Images extends Pixels>(
  predictor: Predictor<Images>,
  { classes, columns, join }: ClassRule,
): Predictor<Images> {
  if (columns === undefined) return predictor;
  const outputs = predictor.classes.length;
  return {
    classes,
    imageSize: predictor.imageSize,
    async logits(images) {
      const logits = await predictor.logits(images);
      const rows = logits.length / outputs;
      const scores = new Float32Array(rows * columns.length);
      for (let n = 0; n < rows; n++) {
        const row = logits.subarray(n * outputs, (n + 1) * outputs);
        columns.forEach((own, k) => {
          scores[n * columns.length + k] = joined(row, own) - (join === "mean" ? Math.log(own.length) : 0);
        });
      }
      return scores;
    },
  };
}

/** Images with the labels of a rule. */
export function relabelled(images: EvaluationImages, { labels }: ClassRule): EvaluationImages {
  if (labels.every((label, i) => label === i)) return images;
  return {
    ...images,
    batches: (batchSize) => ({
      async *[Symbol.asyncIterator]() {
        for await (const batch of images.batches(batchSize)) {
          yield { ...batch, labels: batch.labels.map((label) => labels[label]) };
        }
      },
    }),
  };
}

/** The log of the sum of exp over the logits of some columns. For one column it is the logit itself. */
function joined(row: Float32Array, columns: readonly number[]): number {
  if (columns.length === 1) return row[columns[0]];
  const most = columns.reduce((a, k) => Math.max(a, row[k]), Number.NEGATIVE_INFINITY);
  return most + Math.log(columns.reduce((sum, k) => sum + Math.exp(row[k] - most), 0));
}

/** Argmax over all classes of the model. */
const wholeRule = (model: readonly string[], labels: readonly number[]): ClassRule => ({
  description: `argmax over all ${model.length} classes of the model`,
  classes: model,
  labels,
  columns: undefined,
  join: "sum",
});

/** Argmax over the classes of the set only. */
const subsetRule = (
  classes: readonly string[],
  columns: readonly (readonly number[])[],
  description: string,
): ClassRule => ({ description, classes, labels: classes.map((_, label) => label), columns, join: "mean" });

function mappedRule(
  model: readonly string[],
  set: SetClasses,
  { decide, classes }: ClassMap,
  column: (name: string) => number | undefined,
): ClassRule {
  const groups = set.classes.map((folder) => {
    const names = Object.hasOwn(classes, folder) ? classes[folder] : undefined;
    if (names !== undefined) return columnsOf(names, column, `the class map for ${folder}`).sort((a, b) => a - b);
    throw new UsageError(
      "ERR_CLASS_MAP",
      `evaluate: the class map must have an entry for each folder; there is none for ${folder}.${didYouMean(folder, Object.keys(classes))}`,
    );
  });
  if (decide === "mapped") {
    return subsetRule(
      set.classes,
      groups,
      `class map: argmax over the mean probabilities of ${set.classes.length} folders`,
    );
  }
  if (groups.every(({ length }) => length === 1)) {
    return wholeRule(
      model,
      groups.map(([only]) => only),
    );
  }
  // Folders with the same classes become one class. Every other class of the model stays separate.
  const keys = groups.map((group) => group.join(" "));
  const distinct = groups.flatMap((group, i) => (keys.indexOf(keys[i]) === i ? [{ group, name: set.classes[i] }] : []));
  const used = new Set(distinct.flatMap(({ group }) => group));
  if (distinct.reduce((total, { group }) => total + group.length, 0) !== used.size) {
    throw new UsageError(
      "ERR_CLASS_MAP",
      "evaluate: where all classes compete, two folders of a class map must have the same classes or none in common. " +
        "Add decide: mapped",
    );
  }
  const others = model.flatMap((name, i) => (used.has(i) ? [] : [{ group: [i], name }]));
  const all = [...distinct, ...others];
  return {
    description: `class map: argmax over all classes of the model, where the probabilities of a folder's classes are added`,
    classes: all.map(({ name }) => name),
    labels: keys.map((key) => distinct.findIndex(({ group }) => group.join(" ") === key)),
    columns: all.map(({ group }) => group),
    join: "sum",
  };
}

/** Finds the column of a class by its name, or as the same class of ImageNet. */
function columnFinder(model: readonly string[]): (name: string) => number | undefined {
  const byName = new Map(model.map((name, i) => [name, i]));
  const byIndex = new Map(model.map((name, i) => [imagenetIndex(name), i]));
  byIndex.delete(undefined);
  return (name) => byName.get(name) ?? byIndex.get(imagenetIndex(name));
}

/** @throws ERR_CLASSES the model does not have one of the classes */
function columnsOf(names: readonly string[], column: (name: string) => number | undefined, source: string): number[] {
  const missing = names.filter((name) => column(name) === undefined);
  if (missing.length === 0) return names.map((name) => column(name) as number);
  const list = `${missing.slice(0, 3).join(", ")}${missing.length > 3 ? ", ..." : ""}`;
  const imagenet = names.length > 1 && names.every((name) => imagenetIndex(name) !== undefined);
  throw new UsageError(
    "ERR_CLASSES",
    `evaluate: the model's classes must include those of ${source}; ${missing.length} of ${names.length} are missing: ${list}. ` +
      "Classes are matched by name; map each folder to classes with `classMap: FILE`" +
      (imagenet
        ? ". An ONNX file whose outputs are ImageNet's classes in their usual order: `onnx.classes: imagenet`"
        : ""),
  );
}

/** Whether the folders are the numbers of ImageNet's classes. */
const isNumbered = (folders: readonly string[]): boolean =>
  folders.length === 1000 &&
  folders.every((name) => /^\d+$/.test(name) && Number(name) < 1000) &&
  new Set(folders.map(Number)).size === 1000;

/** Whether a model has ImageNet's classes, in any order. */
const isImagenet = (model: readonly string[]): boolean =>
  new Set(model.map(imagenetIndex).filter((index) => index !== undefined)).size === 1000;

/** Whether two lists have the same names, in any order. */
function isSameList(a: readonly string[], b: readonly string[]): boolean {
  const names = new Set(a);
  return names.size === b.length && a.length === b.length && b.every((name) => names.has(name));
}
