/** The place of a run's images, as its recipe records it. */
import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import { shardsNamed } from "../data/shards/shard-names.js";
import { UsageError } from "../errors.js";
import { SHAPES } from "../recipes/build/data.js";

/**
 * Checks that the images of a run are where its recipe says. A relative path is one from the working directory.
 *
 * @param path   the recipe's `data.path`: a folder, shards, the built-in set, or null for none
 * @param option how the caller gives the new place: a message names it
 * @throws UsageError ERR_DATA_MISSING there is nothing at that path
 */
export function checkRecordedData(what: string, run: string, path: string | null, option: "data" | "data.path"): void {
  if (path === null || path === SHAPES || shardsNamed(path).length > 0 || existsSync(path)) return;
  const [where, other] = isAbsolute(path)
    ? ["does not exist", ""]
    : [`does not exist in ${process.cwd()}`, " Or give the command in the folder in which the run was started."];
  throw new UsageError(
    "ERR_DATA_MISSING",
    `${what}: the recipe of ${run} says that its images are in ${path}, which ${where}. Give the place where they are now: ` +
      `\`${option}: PATH\`.${other}`,
  );
}
