/** The programs of examples/ compile against the package and run. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { cifarRecord, writeCifar10 } from "./support/cifar.js";
import { temporaryFolder } from "./support/folders.js";
import { writeClasses } from "./support/photos.js";

const root = fileURLToPath(new URL("..", import.meta.url));

beforeAll(() => {
  execFileSync("npx", ["tsc", "-p", "examples"], { cwd: root, stdio: "pipe" });
});

const run = (...program: string[]) => execFileSync(process.execPath, program, { cwd: root, encoding: "utf8" });

test("examples/photos.ts trains on photos and classifies one; README shows the same program", async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, "photos"), { cat: 16, dog: 16 });
  const photo = join(folder, "photos", "cat", "000.jpg");
  const output = run("build/examples/photos.js", join(folder, "photos"), photo, join(folder, "run"));
  expect(output).toContain("epoch 2:");
  expect(output).toMatch(/updates; accuracy \S+ on the test photos/);
  expect(output).toMatch(/^(cat|dog) \d+\.\d %$/m);
  const program = readFileSync(join(root, "examples/photos.ts"), "utf8").split("\n").slice(1).join("\n").trim();
  expect(readFileSync(join(root, "README.md"), "utf8")).toContain(program);
});

/** The code of one language that docs/extending.md shows. */
const piecesOf = (language: string) =>
  readFileSync(join(root, "docs/extending.md"), "utf8")
    .split("```")
    .filter((block) => block.startsWith(`${language}\n`))
    .map((block) => block.slice(language.length + 1));

test("docs/extending.md shows the whole of examples/parts.mjs", () => {
  const lines = (text: string) => text.split("\n").filter((line) => line !== "");
  const source = readFileSync(join(root, "examples/parts.mjs"), "utf8");
  expect(lines(piecesOf("js").join(""))).toEqual(lines(source).slice(2));
});

test("examples/own-parts.ts registers a network, an attack and a corruption, and uses them by their names", () => {
  const source = readFileSync(join(root, "examples/own-parts.ts"), "utf8");
  for (const piece of piecesOf("ts")) expect(source).toContain(piece);
  const output = run("build/examples/own-parts.js", join(temporaryFolder(), "run"));
  const [, accuracy, attacked] = /^20 updates; accuracy (\S+), under the attack (\S+)$/m.exec(output) ?? [];
  expect(Number(accuracy)).toBeGreaterThan(0.1);
  expect(Number(attacked)).toBeLessThanOrEqual(Number(accuracy));
  expect(output).toMatch(/^accuracy with scan lines: 0\.\d+$/m);
});

test("examples/train.ts trains and evaluates; the library's page shows the same program", () => {
  const source = readFileSync(join(root, "examples/train.ts"), "utf8");
  const program = source.slice(source.indexOf("import")).trim();
  expect(readFileSync(join(root, "docs/library.md"), "utf8")).toContain(program);
  const folder = temporaryFolder();
  writeCifar10(
    folder,
    cifarRecord([1], (row, column) => row + column),
  );
  const output = run("build/examples/train.js", folder, "256", "1");
  // All but one of these images are black and of class 0, and training sees as much.
  const accuracy = Number(/test accuracy: (\S+)/.exec(output)?.[1]);
  expect(accuracy).toBeGreaterThanOrEqual(0);
  expect(accuracy).toBeLessThanOrEqual(1);
});
