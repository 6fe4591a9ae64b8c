/** The images that `corrupt` and `stylize` copy. */
import type { Part } from "../data/folders/image-folder.js";
import type { SourceOptions } from "../data/writing/source-images.js";
import { UsageError } from "../errors.js";

/**
 * The folder of --data, or the photos of one part of the run of --run. Says if photos of the run are missing.
 *
 * @throws UsageError ERR_FLAG neither is given; and what `runPhotos` throws
 */
export async function sourceOf(
  command: string,
  { data, run, quiet }: { readonly data?: string; readonly run?: string; readonly quiet?: boolean },
  part: Part,
): Promise<{ readonly path: string } & Pick<SourceOptions, "part" | "only">> {
  if (run !== undefined) {
    const { runPhotos } = await import("../api/run-photos.js");
    const { notes, ...source } = await runPhotos(run, { data, part });
    if (!quiet) for (const line of notes) process.stderr.write(`${line}\n`);
    return source;
  }
  if (data !== undefined) return { path: data, part };
  throw new UsageError("ERR_FLAG", `${command}: give the images with --data PATH, or with --run DIR those of a run`);
}
