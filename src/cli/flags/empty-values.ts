/** Refuses empty flags and arguments: they usually come from a variable of the shell that is not set. */
import type { Command } from "commander";
import { UsageError } from "../../errors.js";

/**
 * Checks the flags and arguments of a command before it does anything. An empty path would be the current folder, and an empty address
 * all addresses of the machine.
 *
 * @throws UsageError ERR_FLAG one is empty
 */
export function refuseEmpty(command: Command): void {
  const flags = command.options.map((option) => [option.long, command.getOptionValue(option.attributeName())] as const);
  const values = command.registeredArguments.map((one, i) => [`<${one.name()}>`, command.processedArgs[i]] as const);
  const [name] = [...flags, ...values].find(([, value]) => isEmpty(value)) ?? [];
  if (name === undefined) return;
  const names = [];
  for (let one: Command | null = command; one?.parent; one = one.parent) names.unshift(one.name());
  throw new UsageError(
    "ERR_FLAG",
    `${names.join(" ")}: ${name} must not be empty. Is a variable of your shell not set? Give a value, or leave it out`,
  );
}

const isEmpty = (value: unknown): boolean => value === "" || (Array.isArray(value) && value.includes(""));
