/** The flag --parts, where it or its file is wrong. What it is for is in parts.long.test.ts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { COMMANDS_WITH_PARTS } from "../../src/cli/flags/parts-flag.js";
import { corrupt, registerCorruption } from "../../src/corruptions/index.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder } from "../support/folders.js";

const folder = sharedTemporaryFolder();
/** The registry that the built program uses, without the engine. */
const CORRUPTIONS = pathToFileURL(join(import.meta.dirname, "../../dist/corruptions/index.js")).href;

function parts(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

test.each([
  ["missing.mjs", undefined, "there is no file", "ERR_PARTS"],
  ["throws.mjs", "throw new TypeError('a typing mistake');", "could not be loaded: a typing mistake", "ERR_PARTS"],
  [
    "other.mjs",
    'import "advprop";',
    "Put the file into the folder where advprop is installed, or below it",
    "ERR_PARTS",
  ],
  ["nothing.mjs", "export const x = 1;", "registers nothing. It must call registerModel", "ERR_PARTS"],
  [
    "taken.mjs",
    `import { registerCorruption } from "${CORRUPTIONS}"; registerCorruption("fog", (image) => image.pixels);`,
    "taken.mjs: registerCorruption: a corruption named fog exists already. Choose another name",
    "ERR_CORRUPTION",
  ],
  [
    "path.mjs",
    `import { registerCorruption } from "${CORRUPTIONS}"; registerCorruption("../fog", (image) => image.pixels);`,
    'must be of letters, digits, hyphens, dots and underscores, as files are called by it; got "../fog"',
    "ERR_PARTS",
  ],
])("%s is refused before the command does anything", (name, text, message, code) => {
  const file = text === undefined ? join(folder, name) : parts(name, text);
  const { status, stdout, stderr } = advprop(["models", "--parts", file]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toContain(message);
  expect(stderr).toContain(`[${code}]`);
});

test("a corruption that returns something else than an image of the same size is refused", () => {
  const text = `import { registerCorruption } from "${CORRUPTIONS}"; registerCorruption("half", (image) => image.pixels.slice(1));`;
  const flags = ["--data", "shapes", "--limit-test", "1", "--corruptions", "half", "--to", join(folder, "half")];
  const { status, stderr } = advprop(["corrupt", "--parts", parts("half.mjs", text), ...flags]);
  expect(status).not.toBe(0);
  expect(stderr).toContain("half must return a Uint8Array of 3072 bytes; got 3071 bytes");
});

test("a set of another version of the file is not mixed with it", () => {
  const brighter = (value: number) =>
    `import { registerCorruption } from "${CORRUPTIONS}"; registerCorruption("flat", (image) => image.pixels.fill(${value}));`;
  const flags = ["--data", "shapes", "--limit-test", "1", "--corruptions", "flat", "--to", join(folder, "flat")];
  const file = parts("flat.mjs", brighter(1));
  expect(advprop(["corrupt", "--parts", file, ...flags]).status).toBe(0);
  expect(advprop(["corrupt", "--parts", file, ...flags]).status).toBe(0);
  parts("flat.mjs", brighter(2));
  const { status, stderr } = advprop(["corrupt", "--parts", file, ...flags]);
  expect(status).toBe(2);
  expect(stderr).toContain("holds a set that was made with other settings: its parts is");
});

test("an error in a corruption names its file and line; a corruption may write into its image", () => {
  const flags = ["--data", "shapes", "--limit-test", "1", "--corruptions"];
  const throws = `import { registerCorruption } from "${CORRUPTIONS}";\nregisterCorruption("throws", (image) => image.none.length);`;
  const file = parts("throwing.mjs", throws);
  const failed = advprop(["corrupt", "--parts", file, ...flags, "throws", "--to", join(folder, "throws")]);
  expect(failed.status).toBe(1);
  expect(failed.stderr).toContain(`The error comes from your parts: ${file}:2:`);
  expect(failed.stderr).not.toContain("bug in advprop");
  const pixels = new Uint8Array(32 * 32 * 3).fill(200);
  registerCorruption("writes", (image) => image.pixels.fill(7));
  corrupt(pixels, 32, 32, "writes", 1, { seed: 0, sample: 0 });
  expect(new Set(pixels)).toEqual(new Set([200]));
});

test("a run's own file is not loaded because the run names it", () => {
  const run = join(folder, "received");
  mkdirSync(join(run, "checkpoints"), { recursive: true });
  const file = parts("received/parts.mjs", "console.log('loaded');");
  const own = { kind: "network", name: "theirs" };
  const info = { schema: 1, parts: [{ file, digest: "0", parts: [own] }] };
  writeFileSync(join(run, "run.json"), JSON.stringify(info));
  for (const args of [
    ["evaluate", run],
    ["train", "--resume", "--run", run],
    ["report", run],
  ]) {
    const { status, stdout, stderr } = advprop(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(
      `needs the network theirs. It was made with ${file}, a program, and a run never causes a program to be loaded`,
    );
    expect(stderr).toContain(`give --parts ${file} [ERR_PARTS]`);
  }
  writeFileSync(
    join(run, "run.json"),
    JSON.stringify({ ...info, parts: [{ file: "/gone.mjs", digest: "0", parts: [own] }] }),
  );
  expect(advprop(["evaluate", run]).stderr).toContain(
    "made with /gone.mjs, and that file is not there. Give its new path with --parts",
  );
});

test("the commands that take it are commands, and say so in their help", () => {
  const names = COMMANDS.map(([name]) => name);
  expect(names).toEqual(expect.arrayContaining([...COMMANDS_WITH_PARTS]));
  expect(advprop(["evaluate", "--help"]).stdout).toContain("--parts <file>");
  expect(advprop(["doctor", "--help"]).stdout).not.toContain("--parts");
});
