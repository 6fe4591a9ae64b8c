/** Options of an evaluation for the device and for bad photos. */
import { expect, test } from "vitest";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import { machineOf } from "../../src/api/evaluation/options.js";
import { withFlags } from "../../src/cli/flags/flag-names.js";
import { codedError, codedRejection } from "../support/errors.js";

test("options that are not given stay undefined, so that the run's policy applies; 0 is a valid number of photos", () => {
  expect(machineOf({}).badImages).toEqual({});
  expect(machineOf({ onBadImage: "skip", maxBad: 0 }).badImages).toEqual({ onBadImage: "skip", maxBad: 0 });
  expect(machineOf({ memoryLimit: "2GB", threads: 1 })).toMatchObject({
    memoryLimit: 2e9,
    threads: 1,
    precision: "fp32",
  });
});

test("an attack that is no object, and a seed without an attack, get a fix that works", async () => {
  const text = await codedRejection(evaluate("run", { attack: "pgd" as unknown as { name: "pgd" } }));
  expect(text.message).toBe('evaluate: `attack` must be an object such as { name: "pgd" }; got "pgd"');
  const { message } = await codedRejection(evaluate("run", { seed: 1 }));
  expect(message).toContain("or add `attack.name: pgd`");
  expect(withFlags(message)).toContain("or add --attack pgd");
});

test("a value that breaks its rule is named as an option", () => {
  const error = codedError(() => machineOf({ precision: "fp8" as "fp32" }));
  expect(error).toMatchObject({ code: "ERR_SETTING", exitCode: 2 });
  expect(error.message).toMatch(/^`precision: fp8`: precision must be/);
});
