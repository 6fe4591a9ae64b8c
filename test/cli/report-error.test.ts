/** The message of an error, and the exit code. */
import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { reportError } from "../../src/cli/output/report-error.js";
import { RunError, UsageError } from "../../src/errors.js";

async function said(error: unknown): Promise<[code: number, text: string]> {
  const spy = vi.spyOn(console, "error").mockImplementation(() => {});
  const code = await reportError(error);
  const text = spy.mock.calls.flat().map(String).join("\n");
  spy.mockRestore();
  return [code, text];
}

test("a mistake of the user, a failed run, a file that cannot be read, and a bug", async () => {
  expect(await said(new UsageError("ERR_X", "wrong flag"))).toEqual([2, "advprop: wrong flag [ERR_X]"]);
  expect(await said(new RunError("ERR_X", "disk full"))).toEqual([1, "advprop: disk full [ERR_X]"]);
  let system: unknown;
  try {
    readFileSync("/nowhere/x");
  } catch (error) {
    system = error;
  }
  const [code, text] = await said(system);
  expect(code).toBe(1);
  expect(text).toMatch(/^advprop: ENOENT: .*'\/nowhere\/x'\. Check that \/nowhere\/x exists/);
  for (const ours of [new Error("odd"), undefined]) {
    const [status, message] = await said(ours);
    expect([status, message]).toEqual([1, expect.stringContaining("This is a bug in advprop")]);
  }
});
