/** The photos of a run as the source of a new set. */
import type { Part } from "../data/folders/image-folder.js";
import { recogniseFolder } from "../data/folders/recognise-folder.js";
import type { SourceOptions } from "../data/writing/source-images.js";
import { UsageError } from "../errors.js";
import { SHAPES } from "../recipes/build/data.js";
import { missingNote, trainedRecipe } from "./evaluation/data.js";
import { ownSplit } from "./evaluation/own-split.js";
import { checkRecordedData } from "./recorded-data.js";

/** Where the images of a part of a run are. */
export interface RunPhotos extends Pick<SourceOptions, "part" | "only"> {
  /** The folder of the images. */
  readonly path: string;
  /** Notes on missing photos. */
  readonly notes: readonly string[];
}

export interface RunPhotosOptions {
  /** Where the images are now; by default the place that the run recorded. */
  readonly data?: string;
  /** By default test. */
  readonly part?: Part;
}

/**
 * Finds the images of one part of a run, as the source of a new set: give `path`, `part` and `only` to `openSourceImages` or
 * `writeStylizedSet`. By default they are the test images, which the run was not trained on. Photos are recognised by their contents.
 *
 * @param run the run's folder
 * @throws UsageError ERR_RUN_MISSING there is no run; ERR_DATA_MISSING its images are not where it recorded them; ERR_SPLIT the folder has
 *   no photos of this part of the run; ERR_DATA_LAYOUT its images are the built-in set
 */
export async function runPhotos(run: string, { data, part = "test" }: RunPhotosOptions = {}): Promise<RunPhotos> {
  const trained = trainedRecipe(run).data.path;
  if (data === undefined) checkRecordedData("runPhotos", run, trained, "data");
  const path = data ?? trained;
  if (path === null || path === SHAPES) {
    const what = "the built-in set, whose test images no run is trained on";
    throw new UsageError(
      "ERR_DATA_LAYOUT",
      `runPhotos: the images are ${what}. Give \`data: shapes\`, and leave \`run\` out.`,
    );
  }
  const recognised = recogniseFolder(path, "runPhotos");
  const inParts = recognised.kind !== "photos" || (recognised.parts.size > 0 && recognised.parts.has(part));
  if (inParts) return { path, part, notes: [] };
  const own = await ownSplit(run, trained, path, part);
  if (own === undefined || !("split" in own) || own.split === undefined || own.split.parts[part].length === 0) {
    throw new UsageError(
      "ERR_SPLIT",
      `runPhotos: ${path} has no ${part} photos of ${run}. Give the folder of its photos with \`data: PATH\`, or another \`split\`.`,
    );
  }
  const notes = own.missing === undefined ? [] : [missingNote(own.missing, part, { own: true, undivided: false })];
  // A validation part that was split off the training photos is in their part of the folder.
  return { path, part: recognised.parts.size > 0 ? "train" : part, only: new Set(own.split.parts[part]), notes };
}
