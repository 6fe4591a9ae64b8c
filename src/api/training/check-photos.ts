/** A look at a folder of photos before training on it. */

import { photosIn, recogniseFolder } from "../../data/folders/recognise-folder.js";
import { checkStructure } from "../../data/inspection/check-structure.js";
import { findingLines } from "../../data/inspection/findings.js";
import { UsageError } from "../../errors.js";
import { SHAPES } from "../../recipes/build/data.js";

/**
 * Looks over the names and counts in a folder of photos, as `checkData` does. The photos themselves are looked at when they
 * are opened.
 *
 * @returns what was found, as lines; none for images that are no photos
 * @throws ERR_DATA_CHECK training on it would be wrong
 */
export async function checkPhotos(path: string | null): Promise<string[]> {
  if (path === null || path === SHAPES) return [];
  const recognised = recogniseFolder(path, "train");
  if (recognised.kind === "memory") return [];
  const findings = checkStructure(await photosIn(path, recognised, "train"));
  const lines = findingLines(findings);
  if (findings.some(({ severity }) => severity === "error")) {
    const more = `All of it: advprop data check ${path}`;
    throw new UsageError("ERR_DATA_CHECK", `training on ${path} would be wrong:\n${lines.join("\n")}\n${more}`);
  }
  return lines;
}
