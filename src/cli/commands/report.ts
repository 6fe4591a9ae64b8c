import type { Command } from "commander";

interface ReportFlags {
  readonly to: string;
}

/** `advprop report RUN... --to report.html`: trainings as one page. */
export function define(command: Command): void {
  command
    .argument("<runs...>", "folders of runs, also of one that is still training; several are laid over each other")
    .option("--to <file>", "the page, which needs nothing else", "report.html")
    .action(run);
}

async function run(runs: readonly string[], { to }: ReportFlags): Promise<void> {
  const { report } = await import("../../api/report/report.js");
  const { renderText } = await import("../../evaluation/report/text.js");
  console.log(renderText(await report(runs, { to })));
  process.stderr.write(`Saved ${to}\n`);
}
