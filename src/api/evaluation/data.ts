/** The images of an evaluation. */
import { existsSync } from "node:fs";
import type { Part } from "../../data/folders/image-folder.js";
import { recogniseFolder } from "../../data/folders/recognise-folder.js";
import type { Finding } from "../../data/inspection/findings.js";
import type { EvaluationImages } from "../../data/opened-data.js";
import { type BadImagePolicy, type BadPhoto, checkMaxBad } from "../../data/photos/bad-photos.js";
import { readUsedPhotos } from "../../data/photos/used-photos.js";
import { UsageError } from "../../errors.js";
import { knownSet } from "../../evaluation/classes/class-rule.js";
import type { EvaluationView } from "../../evaluation/view.js";
import { openRecipeData, SHAPES } from "../../recipes/build/data.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { parseSavedRecipe } from "../../recipes/saved.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { RunDirectory } from "../../runs/run-directory.js";
import { type LostDivision, ownDivision } from "./own-division.js";

/** Which images: `all` are those of a folder of photos without parts. */
export type EvaluationSplit = "validation" | "test" | "all";

export interface EvaluationDataOptions {
  /** By default what the run was trained on. */
  readonly data?: string | undefined;
  readonly run: string | undefined;
  /** By default test, and all of a folder without parts that the run was not trained on. */
  readonly split?: EvaluationSplit | undefined;
  readonly imageSize: number;
  /** The model's crop rule. */
  readonly view: EvaluationView;
  /** The share that is cut instead of the rule's. */
  readonly cropFraction?: number | undefined;
  readonly workers: number | null;
  /** What is done about photos that cannot be read; what is left out is as the run has it, else they are refused. */
  readonly badImages?: BadImagePolicy;
  readonly limitTest?: number | undefined;
}

export interface EvaluationData {
  readonly name: string;
  readonly classes: readonly string[];
  readonly split: EvaluationSplit;
  readonly images: EvaluationImages;
  /** How photos are cut; undefined for images in memory, which are taken as they are. */
  readonly view: EvaluationView | undefined;
  /** The keys of the photos; undefined for images in memory. */
  readonly keys: readonly string[] | undefined;
  /** Photos that were left out so far, because they cannot be read; undefined for images in memory. */
  readonly leftOut: (() => readonly BadPhoto[]) | undefined;
  /** What one should know of how the images were chosen. */
  readonly notes: readonly string[];
  /** What is worth knowing of how a folder of photos was read. */
  readonly findings: readonly Finding[];
  close(): Promise<void>;
}

/**
 * Opens the images to evaluate on: those given, else those of the run. The run's own photos, wherever they lie now, are
 * divided as it divided them; a part that is drawn of others holds none that it was trained or validated on.
 *
 * @throws ERR_SPLIT there is no such part, and what `openRecipeData` throws
 */
export async function openEvaluationData(options: EvaluationDataOptions): Promise<EvaluationData> {
  const { data, run, imageSize, workers, badImages = {}, limitTest = null } = options;
  const trained = trainedRecipe(run);
  const path = data ?? trained.data.path;
  const { onBadImage = trained.data.onBadImage, maxBad = trained.data.maxBad } = badImages;
  if (badImages.maxBad !== undefined) checkMaxBad(onBadImage);
  const recipe = { ...trained, data: { ...trained.data, path, imageSize, workers, limitTest, onBadImage, maxBad } };
  // A split of the run's own photos holds for these alone; other photos without parts are evaluated as a whole.
  const found = run === undefined || path === null ? undefined : await ownDivision(run, trained.data.path, path);
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
    throw await refuse("has parts of its own, or is no folder of photos");
  if (images === undefined) {
    const why = own?.split === undefined ? "" : " left from when the run divided it";
    const notes = opened.notes.map((note) => `. ${note.replace(/\.$/, "")}`).join("");
    throw await refuse(`has no part ${part}${why}${notes}`);
  }
  return {
    name: opened.name,
    classes: opened.classes,
    split: opened.undivided ? "all" : part,
    images,
    view: images.fileOf && view,
    keys: opened.photos?.filter((photo) => photo.part === part).map(({ key }) => key),
    leftOut: opened.photos && (() => opened.leftOut()),
    notes: [...(found !== undefined && "missing" in found ? [lostNote(found, opened.undivided)] : []), ...opened.notes],
    findings: opened.findings,
    close: () => opened.close(),
  };
}

/** Says that a run's division does not hold for a folder, and what is measured instead. */
function lostNote({ missing, photos }: LostDivision, undivided: boolean): string {
  return (
    `The folder has not all of the photos that the run divided (${missing} of ${photos} are missing or others), so that the run's own division ` +
    `does not hold: ${undivided ? "all photos are measured" : "a new division was made"}.`
  );
}

/** The part of a run that each photo was in, by its key; undefined where the run did not note its photos. */
function usedPhotos(run: string): ReadonlyMap<string, Part> | undefined {
  const { photos } = RunDirectory.open(run);
  return existsSync(photos) ? readUsedPhotos(photos) : undefined;
}

/** The photos that a run was trained and validated on. */
const learntFrom = (run: string): ReadonlySet<string> =>
  new Set([...(usedPhotos(run) ?? [])].flatMap(([key, part]) => (part === "test" ? [] : [key])));

/** How many of the images a run was trained on, and how many chose its checkpoint; nothing where that is not known. */
export function usedBy(
  run: string | undefined,
  { keys }: Pick<EvaluationData, "keys">,
): { trainedOn?: number; validatedOn?: number } {
  const used = run === undefined ? undefined : usedPhotos(run);
  if (used === undefined || keys === undefined) return {};
  const count = (part: Part) => keys.reduce((sum, key) => sum + Number(used.get(key) === part), 0);
  return { trainedOn: count("train"), validatedOn: count("validation") };
}

/**
 * The crop rule on a set: the model's own, unless another share is asked for. The cue conflict images have 224 pixels and
 * are shown whole (https://github.com/bethgelab/model-vs-human, `datasets/base.py`), so nothing is cut off them.
 *
 * @param path of images that the model was not trained on; photos of a run's own are cut by its rule, whatever their classes
 */
function viewOn(path: string | null, own: EvaluationView, cropFraction: number | undefined): EvaluationView {
  const whole = path !== null && knownSet(classFolders(path)) === "cue-conflict";
  return { ...own, cropFraction: cropFraction ?? (whole ? 1 : own.cropFraction) };
}

/** Names of the folders of a folder of photos that are classes; none where there are parts. */
function classFolders(path: string): readonly string[] {
  if (path === SHAPES) return [];
  const recognised = recogniseFolder(path, "evaluate");
  return recognised.kind === "photos" && recognised.parts.size === 0 ? recognised.folders : [];
}

/** The recipe of a run, which says what it was trained on; the defaults for a model that is no run. */
export function trainedRecipe(path: string | undefined): ResolvedRecipe {
  if (path === undefined) return resolveRecipe({});
  const run = RunDirectory.open(path);
  return resolveRecipe(parseSavedRecipe(run.recipeText(), run.recipe));
}
