import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built program (`npm run setup` builds it) to its end, with `env` added to the environment. */
export function advprop(args: readonly string[], env: NodeJS.ProcessEnv = {}): CliResult {
  // A confusion matrix of a thousand classes takes two megabytes.
  const maxBuffer = 16 * 1024 * 1024;
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", env: { ...process.env, ...env }, maxBuffer });
}
