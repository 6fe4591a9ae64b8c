import type { Command } from "commander";
import { withFlags } from "../flags/flag-names.js";

interface ReportFlags {
  readonly to: string;
}

/** `advprop report RUN... --to report.html`writes one page about runs. */
export function define(command: Command): void {
  command
    .argument("<runs...>", "folders of runs, which may still be training; the curves of several share their charts")
    .option("--to <file>", "the page to write, one file that needs no others", "report.html")
    .action(run);
}

async function run(runs: readonly string[], { to }: ReportFlags): Promise<void> {
  const { report } = await import("../../api/report/report.js");
  const { renderText } = await import("../../evaluation/report/text.js");
  console.log(withFlags(renderText(await report(runs, { to }))));
  process.stderr.write(`Saved ${to}\n`);
}
