import type { Command } from "commander";
import type { DataReport } from "../../data/inspection/check.js";
import { findingLines, type Severity } from "../../data/inspection/findings.js";
import { didYouMean, numbered, printable, shellWord, UsageError } from "../../errors.js";
import { withFlags } from "../flags/flag-names.js";
import { wholeNumber } from "../flags/set-flags.js";
import { CountLine } from "../output/count-line.js";

/** Largest number of classes that are printed. If there are more, those with the fewest images are printed. */
const SHOWN_CLASSES = 30;

/** `advprop data check PATH`, `advprop data get SET --to DIR` and `advprop data pack PATH --to DIR`. */
export function define(command: Command): void {
  command
    .command("check")
    .description("find problems in a folder of images that would spoil a training; exit code 1 if there are errors")
    .argument("<path>", "folder of images")
    .option(
      "--quick",
      "check only names, sizes, first and last bytes, and files with the same bytes, as at the start of training",
    )
    .option("--json", "print one JSON object")
    .option("--quiet", "hide the progress")
    .action(check);
  command
    .command("get")
    .description("download a data set: cifar10 or cifar100")
    .argument("<set>", "cifar10 or cifar100")
    .requiredOption("--to <dir>", "folder in which the folder of the data set is made")
    .option(
      "--url <base>",
      "download the archive from this address instead of the official one; the checksum must be the same",
    )
    .option("--json", "print one JSON object")
    .option("--quiet", "hide the progress")
    .action(get);
  command
    .command("pack")
    .description("pack a folder of photos into shards: tar files that are fast to read from disks and servers")
    .argument("<path>", "folder of photos")
    .requiredOption("--to <dir>", "folder of the shards; give it again to continue after a stop")
    .option("--shard-size <size>", "largest size of a shard", "256MB")
    .option(
      "--resize <pixels>",
      "shrink larger photos to this short side, as JPEG (default: keep the files as they are)",
    )
    .option("--json", "print one JSON object")
    .option("--quiet", "hide the progress")
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
  const text = `${name} ${existed ? "was already" : "is"} in ${folder}. Train on it with: advprop train --data ${shellWord(folder)}`;
  console.log(json ? JSON.stringify({ set: name, folder, existed }) : text);
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
  const text =
    `${numbered(packed.photos, "photo")} in ${numbered(packed.shards, "shard")}, ${(packed.bytes / 1e6).toFixed(1)} MB: ${to}. ` +
    `Train on them with: advprop train --data ${shellWord(to)}`;
  console.log(json ? JSON.stringify(packed) : text);
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
    ...(more > 0 ? [`and ${more} more classes with at least as many images (--json lists all)`] : []),
    row("all", present.map(total)),
  ];
  const findings = findingLines(report.findings);
  const count = (severity: Severity) => report.findings.filter((finding) => finding.severity === severity).length;
  const found = `${numbered(count("warning"), "warning")} in ${numbered(report.images, "image")}`;
  const verdict = report.ok
    ? `No errors, ${found}.`
    : `${numbered(count("error"), "error")}, ${found}: each error above says what to do.`;
  return [...table, "", ...findings, ...(findings.length > 0 ? [""] : []), verdict].join("\n");
}
