import type { Command } from "commander";
import { UsageError } from "../../errors.js";
import { part, wholeNumber } from "../flags/set-flags.js";
import { CountLine } from "../output/count-line.js";

/** `advprop stylize --data PATH --to DIR`: the same set with other textures. */
export function define(command: Command): void {
  command
    .requiredOption("--data <path>", "folder of the images")
    .requiredOption("--to <dir>", "folder of the new set; given again, a set that was begun is gone on with")
    .option("--split <name>", "train, validation or test", "test")
    .option(
      "--image-size <pixels>",
      "brings photos to a square as evaluation does: the middle of the short side, so 224 of 256 (default: as they are)",
    )
    .option("--seed <number>", "of every random draw", "0")
    .option("--workers <count>", "threads (default: one a core, at most four)")
    .option("--json", "print one JSON object")
    .option("--quiet", "no progress")
    .action(stylize);
}

interface Flags {
  readonly data: string;
  readonly to: string;
  readonly split: string;
  readonly imageSize?: string;
  readonly seed: string;
  readonly workers?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function stylize({ data, to, split, json, quiet, ...flags }: Flags): Promise<void> {
  if (data === "shapes") {
    throw new UsageError(
      "ERR_DATA_LAYOUT",
      'stylize: the built-in set has an exact stylised variant of its own (shapesDataset with variant: "stylised"), in which every ' +
        "object has the texture of another class. Give a folder of images.",
    );
  }
  const { writeStylizedSet } = await import("../../data/writing/write-stylized-set.js");
  const { sayFindings } = await import("../output/say-findings.js");
  const optional = (flag: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : wholeNumber("stylize", flag, text, 1);
  const progress = new CountLine("images", quiet === true);
  const written = await writeStylizedSet(data, {
    to,
    part: part("stylize", split),
    imageSize: optional("--image-size", flags.imageSize),
    seed: wholeNumber("stylize", "--seed", flags.seed, 0),
    workers: optional("--workers", flags.workers),
    onProgress: (done, total) => progress.show(done, total),
  });
  progress.end();
  sayFindings(written.findings, quiet === true);
  const said = `${written.images} images of ${data} with other textures are in ${to}. Measure on them with: advprop evaluate MODEL --data ${to}`;
  console.log(json ? JSON.stringify(written) : said);
}
