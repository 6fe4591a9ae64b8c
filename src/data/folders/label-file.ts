/** The classes of photos that lie in one folder: `val_labels.txt` beside the folder `val`. */

import { readFileSync } from "node:fs";
import { didYouMean, numbered, UsageError } from "../../errors.js";
import { systemReason } from "./folder-reader.js";

/** The file that gives the classes of the photos in a folder. */
export const labelFileOf = (folder: string): string => `${folder}_labels.txt`;

/**
 * Reads a label file: a text file with a line `FILE CLASS` for each photo. FILE is the photo's name in its folder, and CLASS is
 * the name of a class. White space separates them: one or more tabs where the file's name contains spaces. Empty lines are
 * skipped.
 *
 * @param files   names of the photos in the folder: each must have one line
 * @param classes whose keys are the names that a class may have; undefined allows any
 * @returns class names by file name
 * @throws UsageError ERR_DATA_LABELS with the number of the first line that has another form, names an unknown photo or class, or
 *   repeats a photo; or where photos have no line
 */
export function readLabelFile(
  path: string,
  files: readonly string[],
  classes: ReadonlyMap<string, unknown> | undefined,
): Map<string, string> {
  // Names that look the same can have other bytes on disk, for example on macOS.
  const photos = new Map(files.map((file) => [file.normalize("NFC"), file]));
  const labels = new Map<string, string>();
  const lines = textOf(path).split(/\r?\n/);
  lines.forEach((text, index) => {
    const line = text.trim();
    if (line === "") return;
    const fail = (message: string) => new UsageError("ERR_DATA_LABELS", `${path}:${index + 1}: ${message}`);
    const match = /^([^\t]+)\t+(.+)$/.exec(line) ?? /^(\S+)\s+(.+)$/.exec(line);
    if (match === null) throw fail(`must have the form FILE CLASS, as in photo.jpg cat; got ${line}.`);
    const [written, name] = [match[1].trim(), match[2].trim().normalize("NFC")];
    const file = photos.get(written.normalize("NFC"));
    if (file === undefined)
      throw fail(`there is no photo ${written} in the folder.${didYouMean(written, files.slice(0, 1000))}`);
    if (classes !== undefined && !classes.has(name)) {
      throw fail(`there is no class ${name} among the training folders.${didYouMean(name, classes.keys())}`);
    }
    if (labels.has(file))
      throw fail(`${file} has a line already. A photo has only one class: remove one of the lines.`);
    labels.set(file, name);
  });
  const missing = files.filter((file) => !labels.has(file));
  if (missing.length > 0) {
    throw new UsageError(
      "ERR_DATA_LABELS",
      `${path}: lines are missing for ${missing.length} of ${numbered(files.length, "photo")}, the first is ${missing[0]}. ` +
        "Add a line FILE CLASS for each, or move the photos out of the folder.",
    );
  }
  return labels;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const message = `${path} cannot be read: ${systemReason(cause)}. Make it readable, or sort the photos into folders of classes.`;
    throw new UsageError("ERR_DATA_LABELS", message, { cause });
  }
}
