/** What a training prints, quiet or not. */
import { expect, test, vi } from "vitest";
import { TrainingReport } from "../../src/cli/output/training-report.js";

test("quiet hides progress and notes, and no warning", () => {
  const printed = (quiet: boolean) => {
    const spy = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const report = new TrainingReport(quiet);
    report.show({ type: "note", message: "A batch of 8.", warning: false });
    report.show({ type: "note", message: "Left out 1 photo; `data.maxBad` allows it.", warning: true });
    const text = spy.mock.calls.map(([line]) => String(line)).join("");
    spy.mockRestore();
    return text;
  };
  const warning = "Left out 1 photo; --max-bad allows it.\n";
  expect(printed(true)).toBe(warning);
  expect(printed(false)).toBe(`A batch of 8.\n${warning}`);
});
