/** The description of the machine tells generations of a processor apart. */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { expect, test } from "vitest";
import { environment, processorName } from "../../src/runs/environment.js";

test("the processor has its family and model where the system tells them", () => {
  const name = processorName();
  expect(name.startsWith(cpus()[0].model.trim())).toBe(true);
  expect(environment().cpu).toBe(name);
  const family = /^cpu family\s*: (\d+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  if (family !== undefined) expect(name).toMatch(new RegExp(` \\(family ${family}, model \\d+\\)$`));
});
