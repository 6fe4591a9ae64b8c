/** Checks a folder of photos before a training. */

import { photosIn, recogniseFolder } from "../../data/folders/recognise-folder.js";
import { checkStructure } from "../../data/inspection/check-structure.js";
import { findingLines } from "../../data/inspection/findings.js";
import { shellWord, UsageError } from "../../errors.js";
import { SHAPES } from "../../recipes/build/data.js";

/**
 * Checks the names and numbers of photos in a folder, as `checkData` does. The photos themselves are checked when they are opened.
 *
 * @returns the findings as lines; none for images that are not photos
 * @throws ERR_DATA_CHECK there is an error that would spoil the training
 */
export async function checkPhotos(path: string | null): Promise<string[]> {
  if (path === null || path === SHAPES) return [];
  const recognised = recogniseFolder(path, "train");
  if (recognised.kind === "memory") return [];
  const findings = checkStructure(await photosIn(path, recognised, "train"));
  const lines = findingLines(findings);
  if (findings.some(({ severity }) => severity === "error")) {
    const more = `For the full check: advprop data check ${shellWord(path)}`;
    throw new UsageError(
      "ERR_DATA_CHECK",
      `the images in ${path} have errors that would spoil the training:\n${lines.join("\n")}\n${more}`,
    );
  }
  return lines;
}
