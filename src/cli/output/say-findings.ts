/** Prints what a command found in a folder of photos on standard error. */
import { type Finding, findingLines } from "../../data/inspection/findings.js";
import { withFlags } from "../flags/flag-names.js";

/** Prints findings as `data check` does; nothing if quiet. */
export function sayFindings(findings: readonly Finding[], quiet: boolean): void {
  if (!quiet) for (const line of findingLines(findings)) process.stderr.write(`${withFlags(line)}\n`);
}
