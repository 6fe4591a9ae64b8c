/** Every schedule's learning rate at every step, against NumPy float64. See make_optimizers.py. */
import { describe, expect, test } from "vitest";
import { createSchedule, type ScheduleOptions } from "../../src/optim/create.js";
import { maxDifference, readGolden } from "../support/golden.js";

interface Case {
  readonly schedule: ScheduleOptions["name"];
  readonly peak: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly warmupEpochs?: number;
}

const golden = readGolden("schedules.safetensors");
const cases = JSON.parse(golden.metadata.cases) as Record<string, Case>;

const rates = (options: ScheduleOptions, run: { peak: number; epochs: number; stepsPerEpoch: number }): number[] => {
  const totalSteps = run.epochs * run.stepsPerEpoch;
  const schedule = createSchedule(options, { ...run, totalSteps });
  return Array.from({ length: totalSteps }, (_, step) => schedule(step));
};

test.each(Object.entries(cases))("%s", (name, { schedule, warmupEpochs = 0, ...settings }) => {
  const options = { name: schedule, finalFactor: 0, ...settings, warmupFraction: warmupEpochs / settings.epochs };
  expect(maxDifference(rates(options as ScheduleOptions, settings), golden.numbers(name))).toBeLessThan(1e-12);
});

describe("defaults fit a run of any length", () => {
  const run = { peak: 1, epochs: 8, stepsPerEpoch: 10 };

  test("multi-step decays at one half and three quarters", () => {
    const found = rates({ name: "multi-step", warmupFraction: 0, milestones: null, gamma: 0.1 }, run);
    expect([39, 40, 59, 60].map((step) => +found[step].toFixed(6))).toEqual([1, 0.1, 0.1, 0.01]);
  });

  test("exponential decays as often as in 350 epochs", () => {
    const options = { name: "exponential", warmupFraction: 0, decay: 0.97, decayEpochs: null } as const;
    const last = (epochs: number, stepsPerEpoch: number) => rates(options, { peak: 1, epochs, stepsPerEpoch }).at(-1);
    expect(last(20, 350)).toBeCloseTo(0.97 ** 145, 6);
    expect(last(350, 20)).toBeCloseTo(0.97 ** 145, 6);
  });
});

test("cosine ends above its floor", () => {
  const found = rates(
    { name: "cosine", warmupFraction: 0.1, finalFactor: 0.2 },
    { peak: 0.5, epochs: 4, stepsPerEpoch: 25 },
  );
  expect(Math.max(...found)).toBeCloseTo(0.5, 12);
  expect(Math.min(...found.slice(10))).toBeGreaterThan(0.1);
  expect(found.at(-1)).toBeCloseTo(0.1, 3);
});
