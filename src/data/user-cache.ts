/** The user's cache folder, for files that can be made or downloaded again. */

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * A path in the folder `advprop` of XDG_CACHE_HOME, or of ~/.cache. A relative XDG_CACHE_HOME is ignored, as XDG's
 * specification requires.
 */
export function userCache(...path: readonly string[]): string {
  const { XDG_CACHE_HOME: cache } = process.env;
  const root = cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), ".cache");
  return join(root, "advprop", ...path);
}
