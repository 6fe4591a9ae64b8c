/** What names and counts alone tell about a folder of photos. */

import { didYouMean } from "../errors.js";
import type { Finding } from "./check.js";
import { countByClass, type Ignored, type IgnoredReason, type ImageFolder } from "./image-folder.js";

/** From this ratio of the largest to the smallest training class on, imbalance is reported. */
const IMBALANCE = 10;
/** A training class with fewer photos is reported. */
const FEW = 10;

/** Classes, their sizes, and what lies in the folder without being used. */
export function checkStructure(folder: ImageFolder): Finding[] {
  return [...classFindings(folder), ...imbalanceFindings(folder), ...ignoredFindings(folder.ignored)];
}

function classFindings({ classes, parts }: ImageFolder): Finding[] {
  const findings: Finding[] = [];
  if (classes.length < 2) {
    findings.push({
      code: "one-class",
      severity: "error",
      message: `there is only one class, ${classes[0]}`,
      files: [],
      remedy: "Make a folder for each class; if the classes lie deeper, give the folder that holds them.",
    });
  }
  if (parts.train === undefined) {
    findings.push({
      code: "no-training-part",
      severity: "error",
      message: `there are folders ${Object.keys(parts).join(" and ")}, but none to train on`,
      files: [],
      remedy: "Add a folder train with a folder for each class.",
    });
    return findings;
  }
  const inTraining = countByClass(parts.train, classes.length);
  const trained = classes.filter((_, label) => inTraining[label] > 0);
  for (const part of ["validation", "test"] as const) {
    if (parts[part] === undefined) continue;
    const counts = countByClass(parts[part], classes.length);
    classes.forEach((name, label) => {
      if (counts[label] > 0 && inTraining[label] === 0) {
        findings.push({
          code: "class-not-trained",
          severity: "error",
          message: `class ${name} has ${counts[label]} ${part} images and no training images`,
          files: [`${part}: ${name}/`],
          remedy: `Add training images of it, or remove it.${didYouMean(name, trained)}`,
        });
      } else if (counts[label] === 0 && inTraining[label] > 0) {
        findings.push({
          code: "class-missing",
          severity: "warning",
          message: `class ${name} has no ${part} images, so its accuracy cannot be measured there`,
          files: [`${part}: ${name}/`],
          remedy: `Add ${part} images of it.`,
        });
      }
    });
  }
  return findings;
}

function imbalanceFindings({ classes, parts }: ImageFolder): Finding[] {
  const counted = countByClass(parts.train ?? [], classes.length)
    .map((count, label) => ({ count, name: classes[label] }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.count - b.count);
  const findings: Finding[] = [];
  const least = counted[0];
  const most = counted.at(-1);
  if (least !== undefined && most !== undefined && most.count >= IMBALANCE * least.count) {
    findings.push({
      code: "imbalance",
      severity: "warning",
      message: `class ${most.name} has ${most.count} training images, class ${least.name} only ${least.count}`,
      files: [],
      remedy:
        "Add images of the small classes, or draw classes equally often (data.sampler: class-balanced), and judge by balanced accuracy.",
    });
  }
  for (const { name, count } of counted.filter((entry) => entry.count < FEW)) {
    findings.push({
      code: "few-images",
      severity: "warning",
      message: `class ${name} has only ${count} training images`,
      files: [],
      remedy: "A class needs tens of images at least; add some.",
    });
  }
  return findings;
}

const IGNORED: Readonly<Record<IgnoredReason, Omit<Finding, "code" | "files">>> = {
  hidden: { severity: "note", message: "hidden files or folders are not used", remedy: "Nothing needs to be done." },
  stray: {
    severity: "warning",
    message: "files or folders outside of the layout are not used",
    remedy: "Move images into the folder of their class; move the rest away.",
  },
  empty: {
    severity: "warning",
    message: "folders without images make no class",
    remedy: "Put images there, or remove the folders.",
  },
  "not-an-image": {
    severity: "warning",
    message: "files that are no images, by their names, are not used",
    remedy: "Move them away, or give images their extension.",
  },
  "unread-format": {
    severity: "warning",
    message: "images in formats that are not read are not used",
    remedy: "Convert them to JPEG, PNG, WebP, AVIF or GIF.",
  },
};

function ignoredFindings(ignored: readonly Ignored[]): Finding[] {
  const reasons = Object.keys(IGNORED) as IgnoredReason[];
  return reasons.flatMap((reason) => {
    const files = ignored.filter((entry) => entry.reason === reason).map(({ path }) => path);
    return files.length === 0 ? [] : [{ code: reason, files, ...IGNORED[reason] }];
  });
}
