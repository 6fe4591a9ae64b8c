/** docs/api is what typedoc makes of the docstrings. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/folders.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The files below a folder by their paths in it. */
function contentsOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.sort().map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]));
}

test("the pages of the library are current", () => {
  const out = join(temporaryFolder(), "api");
  const options = ["--options", "docs/build/typedoc.json", "--treatWarningsAsErrors", "--out", out];
  execFileSync("npx", ["typedoc", ...options], { cwd: root, stdio: "pipe" });
  const [made, committed] = [contentsOf(out), contentsOf(join(root, "docs/api"))];
  expect(Object.keys(committed)).toEqual(Object.keys(made));
  for (const [path, text] of Object.entries(made))
    expect(committed[path] === text, `${path}; run: npm run docs`).toBe(true);
});
