/** The folder in which programs keep for a user what they can get again. */

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** A path in `advprop` in XDG_CACHE_HOME, or in ~/.cache. As the XDG Base Directory Specification has it, a relative one does not count. */
export function userCache(...path: readonly string[]): string {
  const { XDG_CACHE_HOME: cache } = process.env;
  const root = cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), ".cache");
  return join(root, "advprop", ...path);
}
