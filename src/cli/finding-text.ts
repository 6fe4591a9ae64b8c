/** What was found in a folder of photos, as lines: the same from `data check` and at the start of training. */
import type { Finding } from "../data/check.js";

/** Files of a finding that are printed; `data check --json` gives all. */
const SHOWN_FILES = 5;
/** Findings of one kind that are printed. */
const SHOWN_FINDINGS = 10;

/** Kinds in the order in which they come, of each the first ones and how many more there are. */
export function describeFindings(all: readonly Finding[]): string[] {
  const codes = [...new Set(all.map(({ code }) => code))];
  return codes.flatMap((code) => {
    const findings = all.filter((finding) => finding.code === code);
    const more = findings.length - SHOWN_FINDINGS;
    return [
      ...findings.slice(0, SHOWN_FINDINGS).flatMap(describeFinding),
      ...(more > 0 ? [`         and ${more} more of ${code} (data check --json lists all)`] : []),
    ];
  });
}

function describeFinding({ severity, message, files, remedy }: Finding): string[] {
  const more = files.length > SHOWN_FILES ? ` and ${files.length - SHOWN_FILES} more` : "";
  const where = files.length === 1 ? `${files[0]}: ` : "";
  const list = files.length > 1 ? [`         ${files.slice(0, SHOWN_FILES).join(", ")}${more}`] : [];
  return [`${severity.padEnd(7)}  ${where}${message}`, ...list, `         -> ${remedy}`];
}
