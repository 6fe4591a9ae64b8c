/** Options of an evaluation for the device and for bad photos. */
import { expect, test } from "vitest";
import { machineOf } from "../../src/api/evaluation/options.js";
import { codedError } from "../support/errors.js";

test("options that are not given stay undefined, so that the run's policy applies; 0 is a valid number of photos", () => {
  expect(machineOf({}).badImages).toEqual({});
  expect(machineOf({ onBadImage: "skip", maxBad: 0 }).badImages).toEqual({ onBadImage: "skip", maxBad: 0 });
  expect(machineOf({ memoryLimit: "2GB", threads: 1 })).toMatchObject({
    memoryLimit: 2e9,
    threads: 1,
    precision: "fp32",
  });
});

test("a value that breaks its rule is named as an option", () => {
  const error = codedError(() => machineOf({ precision: "fp8" as "fp32" }));
  expect(error).toMatchObject({ code: "ERR_SETTING", exitCode: 2 });
  expect(error.message).toMatch(/^`precision: fp8`: precision must be/);
});
