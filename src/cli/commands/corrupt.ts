import type { Command } from "commander";
import type { WrittenSet } from "../../corruptions/sets/write-set.js";
import { didYouMean, numbered, UsageError } from "../../errors.js";
import { registeredNames } from "../../registered-parts.js";
import { choice, part, wholeNumber } from "../flags/set-flags.js";
import { CountLine } from "../output/count-line.js";

/** The published tables of parameters, by the values of the flag. */
const TABLES = { imagenet: "imagenet-c", cifar: "cifar-10-c", tiny: "tiny-imagenet-c" } as const;

/** `advprop corrupt --data PATH --to DIR`writes a corrupted data set in the layout of ImageNet-C or CIFAR-10-C. */
export function define(command: Command): void {
  command
    .option("--data <path>", "folder of the images, or shapes: the built-in set (default: the data of --run)")
    .option(
      "--run <dir>",
      "a run, to copy the photos of its own split; by default test photos, which it was not trained on",
    )
    .requiredOption("--to <dir>", "folder of the new data set; give it again to continue after a stop")
    .option("--split <name>", "split to copy: train, validation or test", "test")
    .option(
      "--corruptions <names>",
      "names separated by commas, those of --parts too; all (the fifteen), extra (the four others) or both",
      "all",
    )
    .option("--severities <list>", "severities, such as 1-5 or 1,3", "1-5")
    .option(
      "--layout <name>",
      "imagenet-c: a JPEG file per image, or cifar-c: an array per corruption (default: cifar-c for CIFAR and shapes)",
    )
    .option(
      "--parameters <name>",
      "table of corruption strengths: imagenet, cifar or tiny (default: by image size, nearest to 224, 32 or 64 pixels)",
    )
    .option(
      "--image-size <pixels>",
      "resize and crop photos to this side as evaluation does (default: keep their size)",
    )
    .option("--frost-textures <dir>", "folder of photographs of frost, instead of generated textures")
    .option(
      "--limit-test <count>",
      "use only this many images: the first ones, or a random sample of photos by class and seed",
    )
    .option("--seed <number>", "seed of all random draws", "0")
    .option("--workers <count>", "number of threads (default: one per core, at most four)")
    .option("--json", "print one JSON object")
    .option("--quiet", "hide the progress")
    .action(corrupt);
}

interface Flags {
  readonly data?: string;
  readonly run?: string;
  readonly to: string;
  readonly split: string;
  readonly corruptions: string;
  readonly severities: string;
  readonly layout?: string;
  readonly parameters?: string;
  readonly imageSize?: string;
  readonly frostTextures?: string;
  readonly limitTest?: string;
  readonly seed: string;
  readonly workers?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function corrupt(flags: Flags): Promise<void> {
  const { CORRUPTIONS, EXTRA_CORRUPTIONS } = await import("../../corruptions/index.js");
  const optional = <T>(flag: string | undefined, parse: (text: string) => T): T | undefined =>
    flag === undefined ? undefined : parse(flag);
  const count = (flag: string) => (text: string) => wholeNumber("corrupt", flag, text, 1);
  const seed = wholeNumber("corrupt", "--seed", flags.seed, 0);
  const workers = optional(flags.workers, count("--workers"));
  const source = {
    part: part("corrupt", flags.split),
    imageSize: optional(flags.imageSize, count("--image-size")),
    limit: optional(flags.limitTest, count("--limit-test")),
    seed,
  };
  const corruptions = chooseCorruptions(
    flags.corruptions,
    CORRUPTIONS,
    EXTRA_CORRUPTIONS,
    registeredNames("corruption"),
  );
  const severities = parseSeverities(flags.severities);
  const layout = optional(flags.layout, (text) => choice("corrupt", "--layout", text, ["imagenet-c", "cifar-c"]));
  const parameters = optional(flags.parameters, (text) =>
    choice("corrupt", "--parameters", text, ["imagenet", "cifar", "tiny"]),
  );

  const { writeCorruptedSet } = await import("../../corruptions/sets/write-set.js");
  const { sayFindings } = await import("../output/say-findings.js");
  const { sourceOf } = await import("../written-source.js");
  const { path, ...found } = await sourceOf("corrupt", flags, source.part);
  const images = await openImages(path, { ...source, ...found });
  sayFindings(images.findings, flags.quiet === true);
  const progress = new CountLine("work units", flags.quiet === true);
  const written = await writeCorruptedSet(images, {
    to: flags.to,
    layout,
    corruptions,
    severities,
    table: parameters && TABLES[parameters],
    seed,
    frostTextures: flags.frostTextures,
    workers,
    onProgress: (done, total) => progress.show(done, total),
  });
  progress.end();
  console.log(flags.json ? JSON.stringify(written) : describe(written));
}

async function openImages(path: string, options: import("../../data/writing/source-images.js").SourceOptions) {
  const { openSourceImages, sourceOfDataset } = await import("../../data/writing/source-images.js");
  if (path !== "shapes") return openSourceImages(path, options);
  const { shapesDataset } = await import("../../data/shapes/shapes.js");
  const { part: split, imageSize: size = 32, limit: count = 2000 } = options;
  // The built-in set can be drawn at any size. The test images of every recipe have the seed 0.
  return sourceOfDataset(shapesDataset({ split, count, size, seed: 0 }), { ...options, limit: undefined });
}

function chooseCorruptions(
  text: string,
  fifteen: readonly string[],
  extra: readonly string[],
  own: readonly string[],
): string[] {
  const known = [...fifteen, ...extra, ...own];
  return [...new Set(text.split(",").map((word) => word.trim()))].flatMap((word) => {
    if (word === "all") return fifteen;
    if (word === "extra") return extra;
    if (word === "both") return [...fifteen, ...extra];
    const name = known.find((candidate) => candidate === word);
    if (name !== undefined) return [name];
    throw new UsageError(
      "ERR_CORRUPTION",
      `corrupt: --corruptions must be all, extra, both, or names of ${known.join(", ")}; got ${word}.${didYouMean(word, known)} ` +
        "For your own corruption, give the file that registers it with --parts",
    );
  });
}

/** Parses "1-5" or "1,3" into severities in rising order. */
function parseSeverities(text: string): number[] {
  const found = new Set(
    text.split(",").flatMap((item) => {
      const match = /^\s*([1-5])(?:-([1-5]))?\s*$/.exec(item);
      if (match === null) {
        throw new UsageError(
          "ERR_SEVERITY",
          `corrupt: --severities must be from 1 to 5, such as 1-5 or 1,3; got ${text}`,
        );
      }
      const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
    }),
  );
  return [...found].sort();
}

function describe({ to, layout, images, corruptions, severities }: WrittenSet): string {
  const kinds = numbered(corruptions.length, "corruption");
  const strengths = numbered(severities.length, "severity", "severities");
  const standard = layout === "cifar-c" ? "CIFAR-10-C" : "ImageNet-C";
  return `${numbered(images, "image")} with ${kinds} at ${strengths}: ${to}, in the layout of ${standard}.`;
}
