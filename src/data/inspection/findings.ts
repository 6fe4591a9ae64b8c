/** Problems found in a data set, and how they are printed. */

import { printable } from "../../errors.js";

/** `error`: training or its results would be wrong. `warning`: the user should check it. `note`: for information. */
export type Severity = "error" | "warning" | "note";

/** One problem. */
export interface Finding {
  /** Stable name of the kind of finding. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** Relative to the folder; a folder ends in "/". */
  readonly files: readonly string[];
  /** What the user can do about it. */
  readonly remedy: string;
}

const ORDER: readonly Severity[] = ["error", "warning", "note"];
/** Number of files of a finding that are printed. */
const SHOWN_FILES = 5;
/** Number of findings of one kind that are printed. */
const SHOWN_FINDINGS = 10;

/** Errors first, then warnings, then notes. */
export const bySeverity = (findings: readonly Finding[]): Finding[] =>
  [...findings].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));

/** The findings as lines of text, grouped by kind. Long lists are shortened to a count. */
export function findingLines(findings: readonly Finding[]): string[] {
  const byCode = new Map<string, Finding[]>();
  for (const finding of bySeverity(findings)) byCode.set(finding.code, [...(byCode.get(finding.code) ?? []), finding]);
  return [...byCode].flatMap(([code, all]) => {
    const more = all.length - SHOWN_FINDINGS;
    return [
      ...all.slice(0, SHOWN_FINDINGS).flatMap(linesOf),
      ...(more > 0 ? [`         and ${more} more of ${code} (advprop data check \`json\` lists all)`] : []),
    ];
  });
}

function linesOf({ severity, message, files, remedy }: Finding): string[] {
  const shown = files.slice(0, SHOWN_FILES).map(printable);
  const more = files.length > SHOWN_FILES ? ` and ${files.length - SHOWN_FILES} more` : "";
  const where = files.length === 1 ? `${shown[0]}: ` : "";
  const list = files.length > 1 ? [`         ${shown.join(", ")}${more}`] : [];
  return [`${severity.padEnd(7)}  ${where}${printable(message)}`, ...list, `         -> ${printable(remedy)}`];
}
