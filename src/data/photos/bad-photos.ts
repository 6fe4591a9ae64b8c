/** Photos that cannot be read: how they are reported, and how many may be left out. */

import { numbered, printable, RunError, UsageError } from "../../errors.js";

/** A photo that cannot be read or decoded. */
export interface BadPhoto {
  /** Relative to the folder of its set. */
  readonly file: string;
  /** The format of the file, and what is wrong with it. */
  readonly reason: string;
}

/** What to do with photos that cannot be read. */
export interface BadImagePolicy {
  /** `skip` leaves them out, `fail` is an error. Undefined means `fail` where the user has no choice. */
  readonly onBadImage?: "fail" | "skip";
  /** Number of different files that may be skipped; more are an error. By default any number. */
  readonly maxBad?: number;
}

/** Number of lines of a list that are printed. */
const SHOWN_LINES = 10;

/** A line for each of the first {@link SHOWN_LINES} photos, and the number of the others. */
export function listBadPhotos(photos: readonly BadPhoto[]): string[] {
  const lines = photos.slice(0, SHOWN_LINES).map(({ file, reason }) => `  ${printable(file)}: ${reason}`);
  const more = photos.length - lines.length;
  return more > 0 ? [...lines, `  and ${more} more`] : lines;
}

/** The photos of a set that are left out. A file counts once, even if it is read in several parts or passes. */
export class LeftOutPhotos {
  readonly #reasons = new Map<string, string>();

  /**
   * @param root   the folder of the set
   * @param policy whether photos may be left out, and how many
   */
  constructor(
    readonly root: string,
    readonly policy: BadImagePolicy,
  ) {}

  /** In the order in which they were added. */
  get photos(): readonly BadPhoto[] {
    return [...this.#reasons].map(([file, reason]) => ({ file, reason }));
  }

  has(file: string): boolean {
    return this.#reasons.has(file);
  }

  /**
   * Leaves out photos that were found before the work began.
   *
   * @throws UsageError ERR_BAD_IMAGES where they may not be left out, or are too many
   */
  addBefore(bad: readonly BadPhoto[]): void {
    const refusal = this.#add(bad);
    if (refusal !== undefined) throw new UsageError("ERR_BAD_IMAGES", refusal);
  }

  /**
   * Leaves out photos that were found during the work.
   *
   * @throws RunError ERR_IMAGE where they may not be left out, ERR_BAD_IMAGES where they are too many
   */
  add(bad: readonly BadPhoto[]): void {
    const refusal = this.#add(bad);
    if (refusal === undefined) return;
    throw new RunError(this.policy.onBadImage === "skip" ? "ERR_BAD_IMAGES" : "ERR_IMAGE", refusal);
  }

  /** @returns why they may not be left out */
  #add(bad: readonly BadPhoto[]): string | undefined {
    if (bad.length === 0) return undefined;
    const { onBadImage, maxBad = Number.POSITIVE_INFINITY } = this.policy;
    if (onBadImage !== "skip") {
      const skipping = onBadImage === "fail" ? ", or let such files be skipped (`data.onBadImage: skip`)" : "";
      return this.#message("cannot be read", bad, `Replace or remove ${bad.length === 1 ? "it" : "them"}${skipping}.`);
    }
    for (const { file, reason } of bad) this.#reasons.set(file, reason);
    if (this.#reasons.size <= maxBad) return undefined;
    const allowed = `cannot be read, and at most ${maxBad} may be skipped`;
    return this.#message(allowed, this.photos, "Replace or remove them, or allow more (`data.maxBad`).");
  }

  #message(what: string, photos: readonly BadPhoto[], remedy: string): string {
    const list = listBadPhotos(photos).join("\n");
    return `${numbered(photos.length, "photo")} of ${this.root} ${what}:\n${list}\n${remedy} \`advprop data check\` checks all files of a folder.`;
  }
}

/** @throws UsageError ERR_FLAG where `maxBad` is given although nothing is skipped */
export function checkMaxBad(onBadImage: "fail" | "skip"): void {
  if (onBadImage === "skip") return;
  throw new UsageError(
    "ERR_FLAG",
    "`data.maxBad` limits the photos that are skipped, but none are skipped. Add `data.onBadImage: skip`",
  );
}
