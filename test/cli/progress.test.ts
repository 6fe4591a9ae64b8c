/** The progress line: it fits the terminal, has colours only there, and in a pipe there is one line per epoch. */
import { stripVTControlCharacters } from "node:util";
import { expect, test, vi } from "vitest";
import { type Output, ProgressLine } from "../../src/cli/output/progress.js";
import type { EpochEvent, StepEvent, ValidationEvent } from "../../src/training/events.js";

/** What was written, by a terminal or a pipe. */
function recording(terminal: { columns: number; colours?: boolean } | undefined) {
  const written: string[] = [];
  const output = {
    write: (text: string) => written.push(text) > 0,
    isTTY: terminal !== undefined,
    columns: terminal?.columns,
    hasColors: () => terminal?.colours ?? false,
  };
  return { written, output: output as unknown as Output };
}

const step = (number: number): StepEvent => ({
  type: "step",
  step: number,
  totalSteps: 40,
  epoch: Math.floor((number - 1) / 10),
  epochs: 4,
  learningRate: 0.1,
  losses: {},
  meanLosses: { cleanLoss: 1.23456, adversarialLoss: 2.5 },
  gradientNorm: 1,
  images: 8,
  seconds: 1,
  waitingSeconds: 0.1,
  imagesPerSecond: 187.4,
  secondsLeft: 4 * (40 - number),
});
const epoch = (number: number, waitingShare = 0.02): EpochEvent => ({
  type: "epoch",
  step: 10 * (number + 1),
  epoch: number,
  meanLosses: { cleanLoss: 1.5, adversarialLoss: 2.5 },
  seconds: 75,
  imagesPerSecond: 187.4,
  waitingShare,
});
const validation = (number: number, best = true): ValidationEvent => ({
  type: "validation",
  step: 10 * (number + 1),
  epoch: number,
  accuracy: 0.4875,
  loss: 1,
  count: 100,
  best,
});

test("in a pipe there is one line per epoch, with the validation accuracy and the remaining time", () => {
  const { written, output } = recording(undefined);
  const line = new ProgressLine(output);
  for (let number = 1; number <= 10; number++) line.show(step(number));
  line.show(epoch(0));
  line.show(validation(0));
  expect(written).toEqual([]);
  line.show(step(11));
  line.show(epoch(1, 0.347));
  line.end();
  line.end();
  expect(written).toEqual([
    "epoch 1/4  clean loss 1.500  adversarial loss 2.500  validation accuracy 48.75 %  best  187 images/s  1 min 15 s  1 min 56 s left\n",
    "epoch 2/4  clean loss 1.500  adversarial loss 2.500  187 images/s  waited for images 35 %  1 min 15 s\n",
  ]);
});

test.each([200, 100, 80, 60, 40, 30, 20, 12])("on a terminal of %i columns no line is wider", (columns) => {
  vi.spyOn(performance, "now").mockImplementation(() => time);
  let time = 0;
  const { written, output } = recording({ columns });
  const line = new ProgressLine(output);
  for (let number = 1; number <= 10; number++) {
    time += 1000;
    line.show(step(number));
  }
  line.show(epoch(0, 0.5));
  line.show(validation(0));
  line.show(step(11));
  line.end();
  vi.restoreAllMocks();
  expect(written.length).toBeGreaterThan(10);
  for (const text of written) {
    const shown = stripVTControlCharacters(text).replace(/[\r\n]/g, "");
    expect(shown.length, shown).toBeLessThan(columns);
    expect(shown).toMatch(/^(epoch \d\/4|$)/);
  }
  if (columns >= 30) expect(written[9]).toContain("2 min 00 s left");
  if (columns === 200) expect(written[9]).toContain("━━━─────────  25 %");
});

test("without colours the terminal gets only the codes that rewrite the line; the text is the same with colours", () => {
  const written = [false, true].map((colours) => {
    const { written: all, output } = recording({ columns: 200, colours });
    const line = new ProgressLine(output);
    line.show(step(1));
    line.show(epoch(0));
    line.end();
    return all;
  });
  expect(written[0].join("").replaceAll("\x1b[2K", "")).not.toContain("\x1b");
  expect(written[1].join("")).toContain("\x1b[1mepoch 1/4\x1b[22m");
  const [plain, coloured] = written.map((all) => all.map(stripVTControlCharacters));
  expect(coloured).toEqual(plain);
});

test("a line that ends in the middle of an epoch stays, and further output begins below it", () => {
  const { written, output } = recording({ columns: 60 });
  const line = new ProgressLine(output);
  line.show(step(3));
  line.end();
  expect(written.at(-1)).toBe("\n");
});
