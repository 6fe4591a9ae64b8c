/** docs/troubleshooting.md has a line for each error code, and for no other. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The codes that the sources of a folder write as a text: every throw does, or passes one on. */
function codesIn(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs|cpp|h|cu)$/.test(entry.name))
    .flatMap(
      (entry) => readFileSync(join(entry.parentPath, entry.name), "utf8").match(/(?<=["'])ERR_\w+(?=["'])/g) ?? [],
    );
}

/** The rows of the page that begin with a code. */
const rows = readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `ERR_"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

test("sources and page have the same codes", () => {
  const known = [...new Set(["src", "native", "scripts"].flatMap(codesIn))].sort();
  expect(known.length).toBeGreaterThan(100);
  expect(rows.map(([, code]) => code.replaceAll("`", "")).sort()).toEqual(known);
});

test("each line says what the code means and what to do", () => {
  const incomplete = rows.filter((cells) => cells.length !== 5 || cells[2].length < 20 || cells[3].length < 10);
  expect(incomplete).toEqual([]);
});
