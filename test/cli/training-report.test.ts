/** What a training prints, quiet or not. */
import { expect, test, vi } from "vitest";
import type { TrainEvent } from "../../src/api/events.js";
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

const FINISHED: TrainEvent = {
  type: "finished",
  run: "my runs/r",
  status: "finished",
  step: 4,
  lastLosses: {},
  reading: { imagesPerSecond: 1200, waitingShare: 0.5, keptShare: 0 },
  data: { name: "photos", classes: ["a", "b"], parts: ["train", "test"], images: {}, leftOut: [] },
} as unknown as TrainEvent;

test("the end names the speed of reading only where photos were read, and commands with quotes where needed", () => {
  expect(printedFor(FINISHED)).toBe(
    "Photos were read at up to 1200 images/s; training waited for them 50.0 % of its time.\n" +
      "Finished after step 4. Evaluate with: advprop evaluate 'my runs/r'\n",
  );
  const nothingRead = { ...FINISHED, reading: { imagesPerSecond: 0, waitingShare: 0, keptShare: 0 } } as TrainEvent;
  expect(printedFor(nothingRead)).toBe("Finished after step 4. Evaluate with: advprop evaluate 'my runs/r'\n");
  expect(printedFor({ ...FINISHED, status: "stopped", reading: undefined } as TrainEvent)).toBe(
    "Stopped after step 4; saved. Continue with: advprop train --run 'my runs/r' --resume\n",
  );
});

function printedFor(event: TrainEvent): string {
  const spy = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  new TrainingReport(false).show(event);
  const text = spy.mock.calls.map(([line]) => String(line)).join("");
  spy.mockRestore();
  return text;
}
