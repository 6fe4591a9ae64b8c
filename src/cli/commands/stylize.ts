import type { Command } from "commander";
import { numbered, shellWord, UsageError } from "../../errors.js";
import { part, wholeNumber } from "../flags/set-flags.js";
import { CountLine } from "../output/count-line.js";

/** `advprop stylize --data PATH --to DIR`writes the same data set with other textures. */
export function define(command: Command): void {
  command
    .option("--data <path>", "folder of the images (default: the data of --run)")
    .option(
      "--run <dir>",
      "a run, to copy the photos of its own split; by default test photos, which it was not trained on",
    )
    .requiredOption("--to <dir>", "folder of the new data set; give it again to continue after a stop")
    .option("--split <name>", "split to copy: train, validation or test", "test")
    .option(
      "--image-size <pixels>",
      "resize and crop photos to this side as evaluation does (default: keep their size)",
    )
    .option("--seed <number>", "seed of all random draws", "0")
    .option("--workers <count>", "number of threads (default: one per core, at most four)")
    .option("--json", "print one JSON object")
    .option("--quiet", "hide the progress")
    .action(stylize);
}

interface Flags {
  readonly data?: string;
  readonly run?: string;
  readonly to: string;
  readonly split: string;
  readonly imageSize?: string;
  readonly seed: string;
  readonly workers?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function stylize({ data, run, to, split, json, quiet, ...flags }: Flags): Promise<void> {
  if (data === "shapes") {
    throw new UsageError(
      "ERR_DATA_LAYOUT",
      'stylize: the built-in data set already has a stylised variant (shapesDataset with variant: "stylised"), in which every ' +
        "object has the texture of another class. Give a folder of images.",
    );
  }
  const { writeStylizedSet } = await import("../../data/writing/write-stylized-set.js");
  const { sayFindings } = await import("../output/say-findings.js");
  const optional = (flag: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : wholeNumber("stylize", flag, text, 1);
  const progress = new CountLine("images", quiet === true);
  const { sourceOf } = await import("../written-source.js");
  const { path, ...source } = await sourceOf("stylize", { data, run, quiet }, part("stylize", split));
  const written = await writeStylizedSet(path, {
    to,
    ...source,
    imageSize: optional("--image-size", flags.imageSize),
    seed: wholeNumber("stylize", "--seed", flags.seed, 0),
    workers: optional("--workers", flags.workers),
    onProgress: (done, total) => progress.show(done, total),
  });
  progress.end();
  sayFindings(written.findings, quiet === true);
  const text = `${to} holds ${numbered(written.images, "image")} of ${path} with other textures. Evaluate a model on them with: advprop evaluate MODEL --data ${shellWord(to)}`;
  console.log(json ? JSON.stringify(written) : text);
}
