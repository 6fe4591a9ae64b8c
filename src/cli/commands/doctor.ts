import type { Command } from "commander";
import { examine, type Findings } from "../doctor-checks.js";

/** `advprop doctor [--json]`examines this machine. Exit code 0 if training can run, 1 otherwise. */
export function define(command: Command): void {
  command.option("--json", "print one JSON object").action(async ({ json }) => {
    const findings = await examine();
    console.log(json ? JSON.stringify(findings, undefined, 2) : render(findings));
    process.exitCode = findings.ready ? 0 : 1;
  });
}

function render({ ready, checks }: Findings): string {
  const lines = Object.entries(checks).flatMap(([name, { status, summary, remedy }]) => {
    const line = `${status.padEnd(8)} ${name.padEnd(9)} ${summary}`;
    return remedy === undefined ? [line] : [line, `${" ".repeat(19)}-> ${remedy}`];
  });
  return [...lines, "", ready ? "Ready to train." : "Not ready to train: see what is missing above."].join("\n");
}
