#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { AdvPropError } from "../errors.js";
import { COMMANDS, loadCommand } from "./commands.js";

// Whoever reads our output may stop early (`advprop models | head -1`): that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

try {
  const program = await buildProgram(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** The program with all commands; only the one asked for has its options, so that the others are not loaded. */
async function buildProgram(args: readonly string[]): Promise<Command> {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version, description } = JSON.parse(manifest) as { version: string; description: string };
  // Commands inherit the exit override, so it comes before them.
  const program = new Command("advprop").description(description).version(version).exitOverride();
  const words = args.filter((arg) => !arg.startsWith("-"));
  const asked = words[0] === "help" ? words[1] : words[0];
  for (const [name, summary] of COMMANDS) {
    const command = program.command(name).description(summary);
    if (name === asked) (await loadCommand(name)).define(command);
  }
  return program;
}

/** Tells the user what went wrong, and returns the exit code: 1 for a failed run, 2 for misuse. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has printed it
  if (error instanceof AdvPropError) {
    console.error(`advprop: ${error.message}`);
    return error.exitCode;
  }
  console.error(error);
  console.error("\nThis is a bug in advprop: please report it with the lines above.");
  return 1;
}
