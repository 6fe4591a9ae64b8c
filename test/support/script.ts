import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Where a script imports the built tensor layer from (`npm run setup` builds it). */
export const ENGINE = new URL("../../dist/tensor/index.js", import.meta.url).href;

export interface ScriptResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the source of a module as a Node process of its own, to its end, with variables added to its environment. */
export function runScript(source: string, environment: Readonly<Record<string, string>> = {}): ScriptResult {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", source], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    encoding: "utf8",
    env: { ...process.env, ...environment },
    timeout: 50_000,
  });
  return { status, signal, stdout, stderr };
}
