/** The programs of examples/ compile against the package and run. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cifarRecord, writeCifar10 } from "./support/cifar.js";
import { temporaryFolder } from "./support/folders.js";

const root = fileURLToPath(new URL("..", import.meta.url));

test("examples/train.ts trains and evaluates", () => {
  execFileSync("npx", ["tsc", "-p", "examples"], { cwd: root, stdio: "pipe" });
  const folder = temporaryFolder();
  writeCifar10(
    folder,
    cifarRecord([1], (row, column) => row + column),
  );
  const program = ["build/examples/train.js", folder, "256", "1"];
  const output = execFileSync(process.execPath, program, { cwd: root, encoding: "utf8" });
  // All but one of these images are black and of class 0, and training sees as much.
  const accuracy = Number(/test accuracy: (\S+)/.exec(output)?.[1]);
  expect(accuracy).toBeGreaterThanOrEqual(0);
  expect(accuracy).toBeLessThanOrEqual(1);
});
