/** Findings from the contents of the files. Each file is read and decoded once. */

import { extname } from "node:path";
import { IMAGE_FORMATS } from "../../images/decode.js";
import type { ImageFolder, Part, Photo } from "../folders/image-folder.js";
import type { BadPhoto } from "../photos/bad-photos.js";
import { badPhotos } from "../photos/quick-check.js";
import { photoPath } from "../photos/read-photo.js";
import { duplicateFinding, groupsOf, type PartedPhoto } from "./duplicates.js";
import type { Finding } from "./findings.js";
import { type Inspection, type InspectionOptions, inspectPhotos } from "./inspection.js";
import { nearDuplicateGroups } from "./near-duplicates.js";

/** Images with a shorter side below this have too few pixels for most networks. */
const TINY_SIDE = 32;
/** More pixels than this (50 million) slow down loading without any benefit. */
const HUGE_PIXELS = 50e6;

/** A photo, its part, and the result of its inspection. */
type Examined = PartedPhoto & Inspection;

export async function checkContents(folder: ImageFolder, options: InspectionOptions): Promise<Finding[]> {
  const photos = (Object.entries(folder.parts) as [Part, readonly Photo[]][]).flatMap(([part, list]) =>
    list.map((photo) => ({ ...photo, part })),
  );
  const inspections = await inspectPhotos(
    photos.map(({ file }) => photoPath(folder.root, file)),
    options,
  );
  const examined = photos.map((photo, index) => ({ ...photo, ...inspections[index] }));
  return [...decodingFindings(examined), ...sizeFindings(examined), ...duplicateFindings(examined, folder.classes)];
}

/** A photo that cannot be decoded. Training and evaluation refuse it or leave it out. */
export const undecodable = ({ file, reason }: BadPhoto): Finding => ({
  code: "undecodable",
  severity: "error",
  message: `cannot be decoded: ${reason}`,
  files: [file],
  remedy: "Replace or remove it, or let such files be skipped (`data.onBadImage: skip`).",
});

function decodingFindings(photos: readonly Examined[]): Finding[] {
  const files = photos.map(({ file }) => file);
  const findings: Finding[] = badPhotos(files, photos).map(undecodable);
  for (const { file, damage } of photos) {
    if (damage === undefined) continue;
    findings.push({
      code: "damaged",
      severity: "warning",
      message: `is damaged, though it can be decoded: ${damage}`,
      files: [file],
      remedy: "View it, and replace it if parts are missing.",
    });
  }
  for (const { file, header } of photos) {
    const extension = extname(file).slice(1).toLowerCase();
    if (header === undefined || IMAGE_FORMATS[header.format].includes(extension)) continue;
    findings.push({
      code: "wrong-extension",
      severity: "warning",
      message: `is a ${header.format} image with another extension; it is read all the same`,
      files: [file],
      remedy: `Rename it to .${IMAGE_FORMATS[header.format][0]}.`,
    });
  }
  return findings;
}

function sizeFindings(photos: readonly Examined[]): Finding[] {
  const findings: Finding[] = [];
  for (const { file, header } of photos) {
    if (header === undefined) continue;
    const { width, height } = header;
    if (Math.min(width, height) < TINY_SIDE) {
      findings.push({
        code: "tiny",
        severity: "warning",
        message: `is only ${width} x ${height}`,
        files: [file],
        remedy: "Replace it by a larger one, or remove it.",
      });
    } else if (width * height > HUGE_PIXELS) {
      findings.push({
        code: "huge",
        severity: "warning",
        message: `is ${width} x ${height}, which makes loading slow`,
        files: [file],
        remedy: "Scale it down; a short side of 512 is enough for most networks.",
      });
    }
  }
  return findings;
}

/** Groups of files with the same bytes, and groups of near-duplicates. */
function duplicateFindings(photos: readonly Examined[], classes: readonly string[]): Finding[] {
  const exact = groupsOf(photos, ({ digest }) => digest);
  const near = nearDuplicateGroups(photos.map(({ fingerprint }) => fingerprint))
    .map((group) => group.map((index) => photos[index]))
    // A group of copies of one file was reported already.
    .filter((group) => new Set(group.map(({ digest }) => digest)).size > 1);
  return [
    ...exact.map((group) => duplicateFinding(group, classes, "exact")),
    ...near.map((group) => duplicateFinding(group, classes, "near")),
  ];
}
