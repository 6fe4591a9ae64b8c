/** Checks a data set for problems before training on it. */

import { AdvPropError } from "../../errors.js";
import type { Dataset, Split } from "../datasets/dataset.js";
import type { FoundDataset } from "../datasets/open-dataset.js";
import { countByClass, type Part } from "../folders/image-folder.js";
import { photosIn, recogniseFolder } from "../folders/recognise-folder.js";
import { checkContents } from "./check-contents.js";
import { checkHeads } from "./check-heads.js";
import { checkStructure } from "./check-structure.js";
import { bySeverity, type Finding } from "./findings.js";
import type { InspectionOptions } from "./inspection.js";

/** Number of images of a class in each part. */
export interface ClassCount {
  readonly name: string;
  readonly counts: Readonly<Partial<Record<Part, number>>>;
}

export interface DataReport {
  readonly schema: 1;
  readonly path: string;
  /** Whether only names, sizes, first and last bytes were checked, and not the whole files. */
  readonly quick: boolean;
  /** No finding is an error. */
  readonly ok: boolean;
  readonly images: number;
  readonly classes: readonly ClassCount[];
  /** Errors first. */
  readonly findings: readonly Finding[];
}

export interface CheckOptions extends InspectionOptions {
  /** Reads only the first and last bytes of most files, as the start of training does. Finds files with the same bytes too. */
  readonly quick?: boolean;
}

/**
 * Checks a folder of photos, or a CIFAR folder (whose files are read as training reads them).
 *
 * @throws UsageError ERR_DATA_MISSING or ERR_DATA_LAYOUT where there is no data set to check
 */
export async function checkData(path: string, options: CheckOptions = {}): Promise<DataReport> {
  const { quick = false } = options;
  const recognised = recogniseFolder(path, "checkData");
  if (recognised.kind === "memory") return checkInMemory(path, recognised.set);
  const folder = await photosIn(path, recognised, "checkData");
  const findings = [
    ...checkStructure(folder),
    ...(await (quick ? checkHeads(folder, options.workers) : checkContents(folder, options))),
  ];
  const parts = Object.entries(folder.parts) as [Part, (typeof folder.parts)["train"] & object][];
  const counts = parts.map(([part, photos]) => [part, countByClass(photos, folder.classes.length)] as const);
  return {
    schema: 1,
    path,
    quick,
    ...judge(findings),
    images: parts.reduce((sum, [, photos]) => sum + photos.length, 0),
    classes: folder.classes.map((name, label) => ({
      name,
      counts: Object.fromEntries(counts.map(([part, byClass]) => [part, byClass[label]])),
    })),
  };
}

/** Checks a set in a fixed format by reading it. */
async function checkInMemory(path: string, found: FoundDataset): Promise<DataReport> {
  const findings: Finding[] = [];
  const sets = new Map<Split, Dataset>();
  for (const split of ["train", "test"] as const) {
    try {
      sets.set(split, await found.load(split));
    } catch (error) {
      if (!(error instanceof AdvPropError)) throw error;
      findings.push({
        code: "damaged-set",
        severity: "error",
        message: error.message,
        files: [],
        remedy: "Download the set again: advprop data get cifar10 (or cifar100) `to: DIR`.",
      });
    }
  }
  const classes = [...sets.values()][0]?.classes ?? [];
  const count = ({ labels }: Dataset, label: number) => labels.reduce((sum, other) => sum + Number(other === label), 0);
  return {
    schema: 1,
    path,
    quick: false,
    ...judge(findings),
    images: [...sets.values()].reduce((sum, { length }) => sum + length, 0),
    classes: classes.map((name, label) => ({
      name,
      counts: Object.fromEntries([...sets].map(([split, set]) => [split, count(set, label)])),
    })),
  };
}

function judge(findings: readonly Finding[]): { ok: boolean; findings: Finding[] } {
  return { ok: findings.every(({ severity }) => severity !== "error"), findings: bySeverity(findings) };
}
