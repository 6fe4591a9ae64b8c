#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { COMMANDS, loadCommand } from "./commands.js";
import { refuseEmpty } from "./flags/empty-values.js";
import { addParts, COMMANDS_WITH_PARTS } from "./flags/parts-flag.js";
import { reportError } from "./output/report-error.js";

// The reader of the output may stop early (`advprop models | head -1`): that is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

try {
  const program = await buildProgram(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  process.exitCode = await reportError(error);
}

/** The program with all commands. Only the command that is used gets its options, so the files of the others are not loaded. */
async function buildProgram(args: readonly string[]): Promise<Command> {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version, description } = JSON.parse(manifest) as { version: string; description: string };
  // Commands inherit the exit override when they are added, so it must be set first.
  const program = new Command("advprop").description(description).version(version).exitOverride();
  program.hook("preAction", (_, command) => refuseEmpty(command));
  const words = args.filter((arg) => !arg.startsWith("-"));
  const used = words[0] === "help" ? words[1] : words[0];
  for (const [name, summary] of COMMANDS) {
    const command = program.command(name).description(summary);
    if (name !== used) continue;
    (await loadCommand(name)).define(command);
    if (COMMANDS_WITH_PARTS.includes(name)) addParts(command);
  }
  return program;
}
