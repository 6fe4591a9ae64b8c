/** `advprop evaluate` prints a result that cannot be saved, and then fails. */
import { Command } from "commander";
import { expect, onTestFinished, test, vi } from "vitest";
import type { EvaluateOptions } from "../../src/api/evaluation/evaluate.js";
import { define } from "../../src/cli/commands/evaluate.js";
import { RunError } from "../../src/errors.js";
import type { EvaluationFile } from "../../src/runs/schema.js";
import { codedRejection } from "../support/errors.js";

const RESULT = { accuracy: 0.25 } as EvaluationFile;

vi.mock("../../src/api/evaluation/evaluate.js", () => ({
  async evaluate(_model: string, { onEvent }: EvaluateOptions) {
    onEvent?.({ type: "unsaved", result: RESULT });
    throw new RunError("ERR_WRITE", "cannot write run/evaluation");
  },
}));

test("the numbers come before the error", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  onTestFinished(() => printed.mockRestore());
  const command = new Command("evaluate");
  define(command);
  const error = await codedRejection(command.parseAsync(["run", "--json"], { from: "user" }));
  expect(error.code).toBe("ERR_WRITE");
  expect(printed.mock.calls).toEqual([[JSON.stringify(RESULT)]]);
});
