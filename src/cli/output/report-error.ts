/** Prints the error of a failed command. */
import { CommanderError } from "commander";
import { AdvPropError, printable } from "../../errors.js";

/**
 * Tells the user what went wrong. A coded error ends in its code, which docs/troubleshooting.md explains. A file that the system
 * cannot read or write is a problem that the user can fix. An error that passed through a file of `--parts` is one of that file. Every other
 * error is a bug in advprop.
 *
 * @returns the exit code: 1 for a failed run, 2 for misuse
 */
export async function reportError(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has already printed it
  if (error instanceof AdvPropError) {
    // Loaded only now, so that the program starts quickly.
    const { withFlags } = await import("../flags/flag-names.js");
    console.error(`advprop: ${withFlags(error.message)} [${error.code}]`);
    return error.exitCode;
  }
  const { syscall, path, message } = Object(error) as NodeJS.ErrnoException;
  if (syscall !== undefined && path !== undefined) {
    console.error(printable(`advprop: ${message}. Check that ${path} exists and that you may read or write it.`));
    return 1;
  }
  console.error(error);
  const { placeInParts } = await import("../../parts.js");
  const place = placeInParts(error);
  if (place !== undefined) {
    console.error(`\nThe error comes from your parts: ${place}.`);
    return 1;
  }
  console.error("\nThis is a bug in advprop: please report it with the lines above.");
  return 1;
}
