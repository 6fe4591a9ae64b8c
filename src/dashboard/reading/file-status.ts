/** The status of files that may be gone, or that the user may not read. */
import { type Stats, statSync } from "node:fs";

/** Undefined if there is no such file, or its status cannot be read. */
export function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
