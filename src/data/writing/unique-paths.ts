/** Paths of written files that differ, so that no image replaces another one or is taken for it. */
import { extname } from "node:path";

/** The paths in their order. A path that was used before gets a number before its extension: `cat/1.jpg`, `cat/1-2.jpg`. */
export function uniquePaths(paths: readonly string[]): string[] {
  const used = new Set<string>();
  return paths.map((path) => {
    const extension = extname(path);
    const stem = path.slice(0, path.length - extension.length);
    let free = path;
    for (let n = 2; used.has(free); n++) free = `${stem}-${n}${extension}`;
    used.add(free);
    return free;
  });
}
