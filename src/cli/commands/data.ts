import type { Command } from "commander";
import type { DataReport } from "../../data/inspection/check.js";
import { findingLines, type Severity } from "../../data/inspection/findings.js";
import { didYouMean, numbered, printable, UsageError } from "../../errors.js";
import { withFlags } from "../flags/flag-names.js";
import { wholeNumber } from "../flags/set-flags.js";
import { CountLine } from "../output/count-line.js";

/** Classes that are printed: of more, those with the fewest images. */
const SHOWN_CLASSES = 30;

/** `advprop data check PATH`, `advprop data get SET --to DIR` and `advprop data pack PATH --to DIR`. */
export function define(command: Command): void {
  command
    .command("check")
    .description("look for what would make training on a folder of images wrong; exit code 1 where something would")
    .argument("<path>", "folder of images")
    .option("--quick", "only names, sizes, first and last bytes, as at the start of training")
    .option("--json", "print one JSON object")
    .option("--quiet", "no progress")
    .action(check);
  command
    .command("get")
    .description("download a data set: cifar10 or cifar100")
    .argument("<set>", "cifar10 or cifar100")
    .requiredOption("--to <dir>", "folder that the set's folder is put into")
    .option(
      "--url <base>",
      "take the archive from this address instead of the official one; its checksum must be the same",
    )
    .option("--json", "print one JSON object")
    .option("--quiet", "no progress")
    .action(get);
  command
    .command("pack")
    .description("pack a folder of photos into shards, tar files that disks and servers read quickly")
    .argument("<path>", "folder of photos")
    .requiredOption("--to <dir>", "folder of the shards; given again, a set that was begun is gone on with")
    .option("--shard-size <size>", "most bytes of a shard", "256MB")
    .option("--resize <pixels>", "make larger photos smaller, to this short side, as JPEG (default: keep their bytes)")
    .option("--json", "print one JSON object")
    .option("--quiet", "no progress")
    .action(pack);
}

interface CheckFlags {
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function check(path: string, { quick, json, quiet }: CheckFlags): Promise<void> {
  const { checkData } = await import("../../data/inspection/check.js");
  const progress = new CountLine("images", quiet === true);
  const report = await checkData(path, { quick, onProgress: (done, total) => progress.show(done, total) });
  progress.end();
  console.log(json ? JSON.stringify(report, undefined, 2) : withFlags(render(report)));
  process.exitCode = report.ok ? 0 : 1;
}

interface GetFlags {
  readonly to: string;
  readonly url?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function get(name: string, { to, url, json, quiet }: GetFlags): Promise<void> {
  const { getRemoteSet, REMOTE_SETS } = await import("../../data/datasets/remote-sets.js");
  const names = Object.keys(REMOTE_SETS);
  if (!Object.hasOwn(REMOTE_SETS, name)) {
    throw new UsageError(
      "ERR_SET",
      `data get: the set must be ${names.join(" or ")}; got ${name}.${didYouMean(name, names)}`,
    );
  }
  const progress = new CountLine("bytes", quiet === true);
  const { folder, existed } = await getRemoteSet(REMOTE_SETS[name], {
    to,
    base: url,
    onProgress: (done, total) => progress.show(done, total),
  });
  progress.end();
  const said = `${name} ${existed ? "was already" : "is"} in ${folder}. Train on it with: advprop train --data ${folder}`;
  console.log(json ? JSON.stringify({ set: name, folder, existed }) : said);
}

interface PackFlags {
  readonly to: string;
  readonly shardSize: string;
  readonly resize?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function pack(path: string, { to, shardSize, resize, json, quiet }: PackFlags): Promise<void> {
  const { packShards } = await import("../../data/shards/pack-shards.js");
  const { bytes } = await import("../../recipes/rules.js");
  const { sayFindings } = await import("../output/say-findings.js");
  const size = bytes(Number.isNaN(Number(shardSize)) ? shardSize : Number(shardSize));
  if (!(size > 0)) {
    throw new UsageError("ERR_FLAG", `data pack: --shard-size must be a size such as 256MB; got ${shardSize}`);
  }
  const progress = new CountLine("photos checked and packed", quiet === true);
  const { findings, ...packed } = await packShards(path, {
    to,
    shardSize: size,
    resize: resize === undefined ? undefined : wholeNumber("data pack", "--resize", resize, 8),
    onProgress: (done, total) => progress.show(done, total),
  });
  progress.end();
  sayFindings(findings, quiet === true);
  const said =
    `${numbered(packed.photos, "photo")} in ${numbered(packed.shards, "shard")}, ${(packed.bytes / 1e6).toFixed(1)} MB: ${to}. ` +
    `Train on them with: advprop train --data ${to}`;
  console.log(json ? JSON.stringify(packed) : said);
}

/** A report as text. */
export function render(report: DataReport): string {
  const parts = ["train", "validation", "test"] as const;
  const present = parts.filter((part) => report.classes.some(({ counts }) => counts[part] !== undefined));
  const sum = ({ counts }: DataReport["classes"][number]) =>
    present.reduce((all, part) => all + (counts[part] ?? 0), 0);
  const more = report.classes.length - SHOWN_CLASSES;
  const shown = more > 0 ? report.classes.toSorted((a, b) => sum(a) - sum(b)).slice(0, SHOWN_CLASSES) : report.classes;
  const width = Math.max(5, ...shown.map(({ name }) => printable(name).length));
  const row = (name: string, cells: readonly (string | number)[]) =>
    [name.padEnd(width), ...cells.map((cell) => String(cell).padStart(10))].join("  ");
  const total = (part: (typeof parts)[number]) =>
    report.classes.reduce((sum, { counts }) => sum + (counts[part] ?? 0), 0);
  const table = [
    row("class", present),
    ...shown.map(({ name, counts }) =>
      row(
        printable(name),
        present.map((part) => counts[part] ?? 0),
      ),
    ),
    ...(more > 0 ? [`and ${more} more, with as many images or more (--json lists all)`] : []),
    row("all", present.map(total)),
  ];
  const findings = findingLines(report.findings);
  const count = (severity: Severity) => report.findings.filter((finding) => finding.severity === severity).length;
  const found = `${numbered(count("warning"), "warning")} in ${numbered(report.images, "image")}`;
  const verdict = report.ok
    ? `No errors, ${found}.`
    : `${numbered(count("error"), "error")}, ${found}: see what to do about the errors above.`;
  return [...table, "", ...findings, ...(findings.length > 0 ? [""] : []), verdict].join("\n");
}
