/** The images of an evaluation. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Part } from "../../data/folders/image-folder.js";
import { recogniseFolder } from "../../data/folders/recognise-folder.js";
import type { Finding } from "../../data/inspection/findings.js";
import type { EvaluationImages, OpenedData } from "../../data/opened-data.js";
import { type BadPhoto, checkMaxBad } from "../../data/photos/bad-photos.js";
import { readUsedParts, type UsedPhoto } from "../../data/photos/used-photos.js";
import { readManifest, STYLIZED_SET_MANIFEST } from "../../data/writing/set-manifest.js";
import { UsageError } from "../../errors.js";
import { knownSet } from "../../evaluation/classes/class-rule.js";
import type { EvaluationView } from "../../evaluation/view.js";
import { openRecipeData, SHAPES } from "../../recipes/build/data.js";
import { dataKind } from "../../recipes/build/data-kind.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { parseSavedRecipe } from "../../recipes/saved.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { RunDirectory } from "../../runs/run-directory.js";
import { checkRecordedData } from "../recorded-data.js";
import { type MissingPhotos, ownSplit } from "./own-split.js";
import { checkPhotoOptions, type PhotoOptions } from "./photo-options.js";

const SPLITS = ["validation", "test", "all"] as const;

/** The split to evaluate on; `all` is for a folder of photos without splits. */
export type EvaluationSplit = (typeof SPLITS)[number];

export interface EvaluationDataOptions extends PhotoOptions {
  /** By default the data of the run. */
  readonly data?: string | undefined;
  readonly run: string | undefined;
  /** By default test, or all for a folder without splits that the run was not trained on. */
  readonly split?: EvaluationSplit | undefined;
  readonly imageSize: number;
  /** The model's crop rule. */
  readonly view: EvaluationView;
  readonly limitTest?: number | undefined;
}

export interface EvaluationData {
  readonly name: string;
  readonly classes: readonly string[];
  readonly split: EvaluationSplit;
  readonly images: EvaluationImages;
  /** How photos are cropped; undefined for images in memory, which are not cropped. */
  readonly view: EvaluationView | undefined;
  /** The keys of the photos, or of those that they were made from; undefined for images in memory. */
  readonly keys: readonly string[] | undefined;
  /** The photos that were skipped so far because they cannot be read; undefined for images in memory. */
  readonly leftOut: (() => readonly BadPhoto[]) | undefined;
  /** Notes on how the images were chosen. */
  readonly notes: readonly string[];
  /** Remarks on how a folder of photos was read. */
  readonly findings: readonly Finding[];
  close(): Promise<void>;
}

/**
 * Opens the images to evaluate on: the given ones, else those of the run. For the run's own photos the saved split of the run is used,
 * also if the folder was moved. A split that is drawn from other photos has none that the run was trained or validated on.
 *
 * @throws ERR_SPLIT the data have no such split; ERR_FLAG an option for photos is given for other images; and what `openRecipeData` throws
 */
export async function openEvaluationData(options: EvaluationDataOptions): Promise<EvaluationData> {
  const { data, run, imageSize, workers, badImages = {}, limitTest = null } = options;
  if (options.split !== undefined && !SPLITS.includes(options.split)) {
    throw new UsageError("ERR_SPLIT", `evaluate: \`split\` must be ${SPLITS.join(", ")}; got ${options.split}`);
  }
  const trained = trainedRecipe(run);
  const path = data ?? trained.data.path;
  if (data === undefined && run !== undefined) checkRecordedData("evaluate", run, path, "data");
  const { onBadImage = trained.data.onBadImage, maxBad = trained.data.maxBad } = badImages;
  if (path !== null) checkPhotoOptions(options, path, () => !["memory", "shapes"].includes(dataKind(path, "evaluate")));
  if (badImages.maxBad !== undefined) checkMaxBad(onBadImage);
  const recipe = { ...trained, data: { ...trained.data, path, imageSize, workers, limitTest, onBadImage, maxBad } };
  // The saved split applies only to the run's own photos. Other photos without splits are all evaluated.
  const wanted = options.split === "validation" ? "validation" : "test";
  const found = run === undefined || path === null ? undefined : await ownSplit(run, trained.data.path, path, wanted);
  const own = found !== undefined && "split" in found ? found : undefined;
  const split =
    options.split === "all" || (options.split === undefined && own === undefined) ? "all" : (options.split ?? "test");
  const part = split === "all" ? "test" : split;
  const view = viewOn(own ? null : path, options.view, options.cropFraction);
  const opened = await openRecipeData(recipe, {
    parts: [part],
    split: own?.split,
    avoid: run === undefined ? undefined : learntFrom(run),
    view,
    allForTest: split === "all",
    limitValidation: limitTest,
  });
  const images = opened[part];
  const refuse = async (reason: string) => {
    await opened.close();
    const other =
      run === undefined || data !== undefined ? "" : ", or give images that the run has not seen: `data: PATH`";
    return new UsageError("ERR_SPLIT", `evaluate: ${opened.name} ${reason}. Choose another \`split\`${other}`);
  };
  if (options.split === "all" && !opened.undivided)
    throw await refuse("has its own splits, or is not a folder of photos");
  if (images === undefined) {
    const why = own?.split === undefined ? "" : " in the split that the run saved";
    const notes = opened.notes.map((note) => `. ${note.replace(/\.$/, "")}`).join("");
    throw await refuse(`has no split ${part}${why}${notes}`);
  }
  const missing =
    found?.missing === undefined || options.split === "all"
      ? []
      : [missingNote(found.missing, split, { own: own !== undefined, undivided: opened.undivided })];
  return {
    name: opened.name,
    classes: opened.classes,
    split: opened.undivided ? "all" : part,
    images,
    view: images.fileOf && view,
    keys:
      opened.photos &&
      originalKeys(
        path!,
        opened.photos.filter((photo) => photo.part === part),
      ),
    leftOut: opened.photos && (() => opened.leftOut()),
    notes: [...missing, ...unknownNotes(run, opened), ...opened.notes],
    findings: opened.findings,
    close: () => opened.close(),
  };
}

/** A note that photos of the run's split are missing in a folder, and what is used instead. */
export function missingNote(
  { all, of, ofPart }: MissingPhotos,
  split: EvaluationSplit | Part,
  { own, undivided }: { readonly own: boolean; readonly undivided: boolean },
): string {
  const some = `Missing in this folder, or changed: ${all} of the ${of} photos of the run's split`;
  if (!own) {
    return `${some}, so it cannot be used: ${undivided ? "all photos are measured" : "a new split was drawn"}.`;
  }
  if (ofPart === 0) return `${some}, none of them a ${split} photo.`;
  return `${some}, ${ofPart} of them ${split} photos. Only the other ${split} photos are used.`;
}

/**
 * A note if nobody can know whether a model was trained on the images: its file does not record its photos, and the photos have no parts of
 * their own. Published test sets need no note.
 */
function unknownNotes(run: string | undefined, { undivided, split, classes }: OpenedData): string[] {
  if (run !== undefined || (!undivided && split === undefined) || knownSet(classes) !== undefined) return [];
  return [
    "Only a run knows which photos it was trained on. If this model was trained on some of these, its accuracy on them is usually higher than on " +
      "new images: give a folder of test photos, or evaluate the run.",
  ];
}

/** The keys of photos. For photos of `advprop stylize` they are those of the photos that they were made from. */
function originalKeys(path: string, photos: readonly UsedPhoto[]): string[] {
  const manifest = join(path, STYLIZED_SET_MANIFEST);
  const originals = existsSync(manifest) ? readManifest(manifest).photos : undefined;
  return photos.map(({ file, key }) => originals?.[file] ?? key);
}

/** The split of each photo in a run, by its key; undefined if the run did not record its photos. */
function usedPhotos(run: string): ReadonlyMap<string, Part> | undefined {
  const { photos } = RunDirectory.open(run);
  return existsSync(photos) ? readUsedParts(photos) : undefined;
}

/** The photos that a run was trained and validated on. */
const learntFrom = (run: string): ReadonlySet<string> =>
  new Set([...(usedPhotos(run) ?? [])].flatMap(([key, part]) => (part === "test" ? [] : [key])));

/** How many of the images a run was trained on, and how many chose its checkpoint; empty if that is not known. */
export function usedBy(
  run: string | undefined,
  { keys }: { readonly keys: readonly (string | undefined)[] | undefined },
): { trainedOn?: number; validatedOn?: number } {
  const used = run === undefined ? undefined : usedPhotos(run);
  if (used === undefined || keys === undefined) return {};
  const count = (part: Part) => keys.filter((key) => key !== undefined && used.get(key) === part).length;
  return { trainedOn: count("train"), validatedOn: count("validation") };
}

/**
 * The crop rule for a data set: that of the model, or the given crop fraction. The cue conflict images have 224 pixels and are not
 * cropped, as in https://github.com/bethgelab/model-vs-human, `datasets/base.py`.
 *
 * @param path folder of images that the model was not trained on; null for a run's own photos, which always have the model's rule
 */
function viewOn(path: string | null, own: EvaluationView, cropFraction: number | undefined): EvaluationView {
  const whole = path !== null && knownSet(classFolders(path)) === "cue-conflict";
  return { ...own, cropFraction: cropFraction ?? (whole ? 1 : own.cropFraction) };
}

/** Names of the class folders in a folder of photos; none if it has splits. */
function classFolders(path: string): readonly string[] {
  if (path === SHAPES) return [];
  const recognised = recogniseFolder(path, "evaluate");
  return recognised.kind === "photos" && recognised.parts.size === 0 ? recognised.folders : [];
}

/** The recipe of a run, which names its data; the default recipe for a model that is not a run. */
export function trainedRecipe(path: string | undefined): ResolvedRecipe {
  if (path === undefined) return resolveRecipe({});
  const run = RunDirectory.open(path);
  return resolveRecipe(parseSavedRecipe(run.recipeText(), run.recipe));
}
