/** All commands recognise the same folder in the same way, refuse the same errors, and print the same lines. */
import { cpSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";
import { writeClasses } from "../support/photos.js";

const shared = sharedTemporaryFolder();
/** Classes named like severities, in splits. */
const grades = join(shared, "grades");
await writeClasses(join(grades, "train"), { 1: 10, 2: 10, 3: 10 });
await writeClasses(join(grades, "test"), { 1: 2, 2: 2, 3: 2 }, 100);
const model = writeOnnx(join(shared, "three.onnx"), {
  weights: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  shape: ["batch", 3, 8, 8],
});
writeFileSync(`${model}.json`, JSON.stringify({ classes: ["1", "2", "3"], pixelRange: "0-1" }));

const evaluate = (data: string) => advprop(["evaluate", model, "--data", data, "--split", "test", "--threads", "1"]);

test("folders 1 to 5 are classes, with the same note on ignored files", () => {
  const data = temporaryFolder();
  cpSync(grades, data, { recursive: true });
  for (const name of ["a.heic", "b.ppm"]) writeFileSync(join(data, "test", "1", name), "");
  const lines = [
    "warning  2 files are in an unsupported format (1 heic, 1 ppm)",
    "         test/1/a.heic, test/1/b.ppm",
    "         -> Convert them to PNG or JPEG.",
  ].join("\n");
  const checked = advprop(["data", "check", data, "--quick"]);
  expect([checked.status, checked.stdout]).toEqual([0, expect.stringContaining(lines)]);
  const evaluated = evaluate(data);
  expect([evaluated.status, evaluated.stderr]).toEqual([0, expect.stringContaining(lines)]);
  expect(evaluated.stdout).toMatch(/on 6 test images/);
});

test("a class that cannot be read is refused by each, in the same lines", () => {
  const data = temporaryFolder();
  cpSync(grades, data, { recursive: true });
  for (const i of ["000", "001"]) renameSync(join(data, `test/3/${i}.jpg`), join(data, `test/3/${i}.heic`));
  const lines = [
    "error    test/3/: all images are in an unsupported format (2 heic), so a class would be missing",
    "         -> Convert them to PNG or JPEG, or remove the folder.",
  ].join("\n");
  expect(advprop(["data", "check", data, "--quick"])).toMatchObject({
    status: 1,
    stdout: expect.stringContaining(lines),
  });
  for (const { status, stderr } of [
    evaluate(data),
    advprop(["train", "--data", data, "--run", join(temporaryFolder(), "run")]),
  ]) {
    expect([status, stderr]).toEqual([2, expect.stringContaining(lines)]);
  }
});
