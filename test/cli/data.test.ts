import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { render } from "../../src/cli/commands/data.js";
import type { DataReport } from "../../src/data/inspection/check.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const good = sharedTemporaryFolder();
await writeClasses(good, { cat: 12, dog: 11 });

describe("advprop data check", () => {
  test("prints the classes and exits with 0 if there are no errors", () => {
    const { status, stdout, stderr } = advprop(["data", "check", good]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^class +train$/m);
    expect(stdout).toMatch(/^cat +12$/m);
    expect(stdout).toMatch(/^all +23$/m);
    expect(stdout).toContain("No errors, 0 warnings in 23 images.");
  });

  test("shows those with the fewest images of very many classes, and the sum of all", () => {
    const classes = Array.from({ length: 8000 }, (_, k) => ({
      name: `c${k}`,
      counts: { train: 1 + (k % 100), test: 1 },
    }));
    const images = classes.reduce((all, { counts }) => all + counts.train + counts.test, 0);
    const lines = render({ schema: 1, path: "x", quick: true, ok: true, images, classes, findings: [] }).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "class       train        test",
      "c0              1           1",
      "c100            1           1",
    ]);
    expect(lines[31]).toBe("and 7970 more classes with at least as many images (--json lists all)");
    expect(lines[32]).toMatch(/^all +404000 +8000$/);
    expect(lines).toHaveLength(35);
  });

  test("names the file and the remedy, and exits with 1, if there are errors", () => {
    const folder = temporaryFolder();
    cpSync(good, folder, { recursive: true });
    writeFileSync(join(folder, "dog", "000.jpg"), "no image");
    for (const flags of [[], ["--quick"]]) {
      const { status, stdout } = advprop(["data", "check", folder, ...flags]);
      expect(status).toBe(1);
      expect(stdout).toMatch(/^error +dog\/000\.jpg: /m);
      expect(stdout).toMatch(/-> Replace or remove/);
    }
    const { status, stdout } = advprop(["data", "check", folder, "--json"]);
    const report = JSON.parse(stdout) as DataReport;
    expect([status, report.ok, report.findings[0].files]).toEqual([1, false, ["dog/000.jpg"]]);
  });

  test("exits with 2 if there is nothing to check", () => {
    expect(advprop(["data", "check", temporaryFolder()])).toMatchObject({ status: 2, stdout: "" });
    expect(advprop(["data", "check", "/nowhere"]).stderr).toContain("/nowhere");
    expect(advprop(["data", "chek", good])).toMatchObject({ status: 2, stderr: expect.stringContaining("check") });
  });
});

describe("advprop data get", () => {
  test("refuses an unknown set", () => {
    const { status, stderr } = advprop(["data", "get", "cifar11", "--to", temporaryFolder()]);
    expect(status).toBe(2);
    expect(stderr).toContain("Did you mean cifar10?");
  });

  test("says that the server does not answer, and exits with 1", () => {
    // fetch refuses to connect to port 1, so every attempt fails at once.
    const { status, stderr, stdout } = advprop([
      "data",
      "get",
      "cifar10",
      "--to",
      temporaryFolder(),
      "--url",
      "http://127.0.0.1:1/",
    ]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^advprop: cannot download http:\/\/127\.0\.0\.1:1\/cifar-10-binary\.tar\.gz: /);
    expect(stderr).toContain("Check the network connection");
    expect(stderr).not.toContain("    at ");
  });
});
