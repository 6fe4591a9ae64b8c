/** Findings from the names and counts of a folder of photos alone. */

import { didYouMean, listed, UsageError } from "../../errors.js";
import { partByName } from "../folders/folder-parts.js";
import {
  countByClass,
  deeperClasses,
  formatsOf,
  type Ignored,
  type IgnoredReason,
  type ImageFolder,
} from "../folders/image-folder.js";
import { bySeverity, type Finding, findingLines } from "./findings.js";

/** Imbalance is reported from this ratio of the largest to the smallest training class on. */
const IMBALANCE = 10;
/** A training class with fewer photos is reported. */
const FEW = 10;

/** Findings about the classes, their sizes, and unused entries. */
export function checkStructure(folder: ImageFolder): Finding[] {
  // Errors of reading come first, since they explain later findings about the classes.
  return [...readingFindings(folder), ...classFindings(folder), ...imbalanceFindings(folder)];
}

function classFindings(folder: ImageFolder): Finding[] {
  const { classes, parts } = folder;
  const findings: Finding[] = [];
  if (classes.length < 2) {
    findings.push({
      code: "one-class",
      severity: "error",
      message: `there is only one class, ${classes[0]}`,
      files: [],
      remedy: deeperClasses(folder),
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
  const few = counted.filter(({ count }) => count < FEW).map(({ name, count }) => `${name} ${count}`);
  if (few.length > 0) {
    findings.push({
      code: "few-images",
      severity: "warning",
      message: `${few.length === 1 ? "1 class has" : `${few.length} classes have`} fewer than ${FEW} training images: ${listed(few)}`,
      files: [],
      remedy: "A class needs tens of images at least; add some.",
    });
  }
  return findings;
}

/**
 * Findings about how a folder was read: the unused entries with the reasons, and how folder names were interpreted.
 *
 * @returns errors first, which mean that photos of the set are missing
 */
export function readingFindings(folder: ImageFolder): Finding[] {
  return bySeverity([...ignoredFindings(folder.ignored), ...namingFindings(folder)]);
}

/**
 * @param what names the caller in messages
 * @throws UsageError ERR_DATA_CHECK where a finding is an error
 */
export function refuseFolder(path: string, findings: readonly Finding[], what: string): void {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  throw new UsageError(
    "ERR_DATA_CHECK",
    `${what}: ${path} cannot be used as it is:\n${findingLines(errors).join("\n")}`,
  );
}

interface IgnoredKind extends Omit<Finding, "code" | "files" | "message"> {
  readonly message: string | ((entries: readonly Ignored[]) => string);
}

/** The reasons that the file system gave. */
const details = (entries: readonly Ignored[]): string =>
  listed([...new Set(entries.map(({ detail }) => detail ?? "?"))]);

const IGNORED: Readonly<Record<IgnoredReason, IgnoredKind>> = {
  hidden: { severity: "note", message: "hidden files or folders are not used", remedy: "Nothing needs to be done." },
  stray: {
    severity: "warning",
    message: "files or folders outside of the layout are not used",
    remedy: "Move images into the folder of their class; move the other entries out of the set.",
  },
  empty: {
    severity: "warning",
    message: "folders without images do not count as classes",
    remedy: "Put images there, or remove the folders.",
  },
  "not-an-image": {
    severity: "warning",
    message: "files without the extension of an image are not used",
    remedy: "Move them out of the set, or give images the right extension.",
  },
  "unread-format": {
    severity: "warning",
    message: (entries) => `${filesAre(entries.length)} in an unsupported format (${formatsOf(entries)})`,
    remedy: "Convert them to PNG or JPEG.",
  },
  "unread-class": {
    severity: "error",
    message: (entries) => `all images are in an unsupported format (${details(entries)}), so a class would be missing`,
    remedy: "Convert them to PNG or JPEG, or remove the folder.",
  },
  unreadable: {
    severity: "warning",
    message: (entries) => `cannot be read (${details(entries)}), and is not used; it belongs to the file system`,
    remedy: "Nothing needs to be done.",
  },
  "unreadable-class": {
    severity: "error",
    message: (entries) => `cannot be read (${details(entries)}), so its images would be missing`,
    remedy: "Change the permissions of the folder, or move it out of the set.",
  },
  "broken-link": {
    severity: "warning",
    message: "broken links and loops of links are not followed",
    remedy: "Remove them, or correct their targets.",
  },
  "broken-class-link": {
    severity: "error",
    message: "a link to a folder is broken, so its images would be missing",
    remedy: "Correct its target, or remove it.",
  },
  "name-not-utf8": {
    severity: "error",
    message: "the name is not UTF-8 (bytes that are not UTF-8 are shown as \\x..), so it cannot be read or saved",
    remedy: "Give it another name, for example with mv or convmv.",
  },
  "name-control-character": {
    severity: "error",
    message:
      "the name has a control character, such as a line break (shown as \\u000a), so lists with a name on each line cannot hold it",
    remedy: "Give it another name, for example with mv.",
  },
  "special-file": {
    severity: "warning",
    message: "pipes, sockets and devices are not opened",
    remedy: "Move them out of the set.",
  },
};

const filesAre = (count: number): string => (count === 1 ? "1 file is" : `${count} files are`);

function ignoredFindings(ignored: readonly Ignored[]): Finding[] {
  const reasons = Object.keys(IGNORED) as IgnoredReason[];
  return reasons.flatMap((reason): Finding[] => {
    const entries = ignored.filter((entry) => entry.reason === reason);
    if (entries.length === 0) return [];
    const { severity, message, remedy } = IGNORED[reason];
    const text = typeof message === "string" ? message : message(entries);
    return [{ code: reason, severity, message: text, files: entries.map(({ path }) => path), remedy }];
  });
}

/** How the names of folders were interpreted where the user may have meant something else. */
function namingFindings({ hasParts, classes, parts }: ImageFolder): Finding[] {
  const depth = hasParts ? 1 : 0;
  const partNames = new Map<string, string>();
  /** The subfolders with photos in each class's folder. */
  const inner = new Map<string, Set<string>>();
  /** Folders of classes whose names use other Unicode characters for the same letters. */
  const spelt = new Set<string>();
  for (const [part, photos] of Object.entries(parts)) {
    for (const { file, label } of photos) {
      // Names inside of shards are not folders.
      if (/\.tar\//i.test(file)) continue;
      const path = file.split("/");
      const name = classes[label];
      if (hasParts && partByName(path[0])?.exact === false) partNames.set(path[0], part);
      if (path.length > depth + 2) inner.set(name, (inner.get(name) ?? new Set()).add(path[depth + 1]));
      if (path[depth] !== name && path[depth].normalize("NFC") === name) {
        spelt.add(`${path.slice(0, depth + 1).join("/")}/`);
      }
    }
  }
  const findings: Finding[] = [];
  if (partNames.size > 0) {
    const read = [...partNames].map(([name, part]) => `${name} is read as the ${part} part`);
    findings.push({
      code: "part-names",
      severity: "note",
      message: `by their names and the folders in them, ${read.join(", ")}`,
      files: [],
      remedy: "If they are not parts, give them other names.",
    });
  }
  if (inner.size > 0 && classes.length > 1) findings.push(innerFinding(inner, classes));
  if (spelt.size > 0) {
    findings.push({
      code: "joined-spellings",
      severity: "note",
      message:
        "the names store letters and accents as separate characters; the photos were added to the class whose name stores them as one",
      files: [...spelt],
      remedy: "If they are different classes, give them names that look different.",
    });
  }
  return [...findings, ...alikeFindings(classes)];
}

/** Subfolders of the classes. Their photos belong to one class, unless all classes have the same subfolders. */
function innerFinding(inner: ReadonlyMap<string, ReadonlySet<string>>, classes: readonly string[]): Finding {
  const [first, ...rest] = inner.values();
  const common = [...first].filter((name) => rest.every((names) => names.has(name))).sort();
  const files = [...inner].flatMap(([name, within]) => [...within].sort().map((one) => `${name}/${one}/`));
  if (inner.size === classes.length && common.length > 1) {
    return {
      code: "same-folders-inside",
      severity: "warning",
      message: `all classes hold the same folders (${listed(common)}), whose photos were added to ${listed(classes)}`,
      files,
      remedy: `If ${listed(common)} are the classes, give a folder that holds them directly, or in its folders train and test.`,
    };
  }
  return {
    code: "folders-inside",
    severity: "note",
    message: "photos in folders inside of a class's folder belong to that class",
    files,
    remedy: "If these folders are the classes, give a folder that holds them directly.",
  };
}

/** Class names that differ only in capitals, spaces and punctuation, and so may stand for one class. */
function alikeFindings(classes: readonly string[]): Finding[] {
  const alike = new Map<string, string[]>();
  for (const name of classes) {
    const key = name
      .normalize("NFKC")
      .toLowerCase()
      .replace(/[\s_-]+/gu, "");
    alike.set(key, [...(alike.get(key) ?? []), name]);
  }
  return [...alike.values()]
    .filter((names) => names.length > 1)
    .map((names) => ({
      code: "alike-classes",
      severity: "warning",
      message: `${names.map((name) => JSON.stringify(name)).join(" and ")} are different classes; only capitals, spaces or punctuation differ`,
      files: [],
      remedy: "If they are one class, give their folders the same name.",
    }));
}
