/** What is measured of the trainings of the evidence. */
import { expect, it } from "vitest";

interface Errors {
  readonly bySeverity: readonly (number | undefined)[];
}
const { meanAccuracy } = (await import(new URL("../../results/measure.mjs", import.meta.url).href)) as {
  meanAccuracy(byCorruption: readonly Errors[]): number;
};

it("the corrupted accuracy is the mean over the severities that a set has", () => {
  const byCorruption = [
    { bySeverity: [0.1, undefined, 0.3, undefined, 0.5] },
    { bySeverity: [0.2, undefined, 0.4, undefined, 0.9] },
  ];
  expect(meanAccuracy(byCorruption)).toBeCloseTo(1 - 2.4 / 6, 12);
});
