/** What a user is told when a command fails. */
import { CommanderError } from "commander";
import { AdvPropError } from "../../errors.js";

/**
 * Tells the user what went wrong. A file that the system does not give or take is the user's to look at, whoever asked for it;
 * only what is left is a mistake of ours. A coded error ends in its code, which docs/troubleshooting.md explains.
 *
 * @returns the exit code: 1 for a failed run, 2 for misuse
 */
export async function reportError(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has printed it
  if (error instanceof AdvPropError) {
    // Loaded only now, so that the program starts quickly.
    const { withFlags } = await import("../flags/flag-names.js");
    console.error(`advprop: ${withFlags(error.message)} [${error.code}]`);
    return error.exitCode;
  }
  const { syscall, path, message } = Object(error) as NodeJS.ErrnoException;
  if (syscall !== undefined && path !== undefined) {
    console.error(`advprop: ${message}. Look whether ${path} is there, and who may read or write it.`);
    return 1;
  }
  console.error(error);
  console.error("\nThis is a bug in advprop: please report it with the lines above.");
  return 1;
}
