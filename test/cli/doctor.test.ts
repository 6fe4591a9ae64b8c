import { expect, test } from "vitest";
import { z } from "zod";
import { advprop } from "../support/cli.js";

const check = z.object({
  status: z.enum(["ok", "warning", "missing"]),
  summary: z.string().min(1),
  remedy: z.string().min(1).optional(),
});

const findings = z.strictObject({
  ready: z.boolean(),
  checks: z.strictObject({
    node: check.extend({ version: z.string() }),
    libtorch: check.extend({
      version: z.string().optional(),
      cuda: z.boolean().optional(),
      source: z.enum(["LIBTORCH", "python", "system"]).optional(),
      root: z.string().optional(),
      libraryDir: z.string().optional(),
    }),
    addon: check.extend({ path: z.string().optional(), built: z.boolean(), current: z.boolean() }),
    threads: check.extend({ cores: z.int().positive(), maxThreads: z.int().positive() }),
    load: check.extend({ average: z.number().nonnegative() }),
    bf16: check.extend({ supported: z.boolean(), instructions: z.array(z.string()) }),
    cuda: check.extend({ devices: z.array(z.string()), libtorch: z.boolean(), usable: z.boolean() }),
    memory: check.extend({
      availableBytes: z.int().positive(),
      totalBytes: z.int().positive(),
      limitBytes: z.int().positive().nullable(),
    }),
    disk: check.extend({ freeBytes: z.int().nonnegative() }),
    sharp: check.extend({ version: z.string().optional(), vips: z.string().optional() }),
    onnx: check,
    photos: check,
  }),
});

function examine(env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = advprop(["doctor", "--json"], env);
  expect(stderr).toBe("");
  return { status, ...findings.parse(JSON.parse(stdout)) };
}

test("the machine is ready after the setup, and every check that is not ok has a remedy", () => {
  const { status, ready, checks } = examine();
  expect({ status, ready }).toEqual({ status: 0, ready: true });
  expect(checks.addon).toMatchObject({ status: "ok", built: true, current: true });
  expect(checks.libtorch.version).toMatch(/^\d+\.\d+\.\d+$/);
  for (const { status, remedy } of Object.values(checks)) if (status !== "ok") expect(remedy).toBeDefined();
});

test("a wrong LIBTORCH is reported with the fix, and the machine is not ready", () => {
  const { status, ready, checks } = examine({ LIBTORCH: "/no/such/folder" });
  expect({ status, ready }).toEqual({ status: 1, ready: false });
  expect(checks.libtorch).toMatchObject({ status: "missing", summary: expect.stringContaining("/no/such/folder") });
});

test("without --json there is one line per finding", () => {
  const { stdout } = advprop(["doctor"]);
  for (const name of Object.keys(findings.shape.checks.shape)) {
    expect(stdout).toMatch(new RegExp(`^(ok|warning|missing) +${name} `, "m"));
  }
  expect(stdout).toContain("Ready to train.");
});
