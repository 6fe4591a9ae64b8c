/** docs/recipes.md is what the schema of recipes makes of it, and every key is explained. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { recipePage } from "../../docs/build/recipe-page.mjs";
import { ATTACK_FLAGS, TRAINING_FLAGS } from "../../src/cli/flags/flags.js";
import { knownPaths } from "../../src/recipes/mistakes.js";
import { recipeSchema } from "../../src/recipes/schema.js";

const path = fileURLToPath(new URL("../../docs/recipes.md", import.meta.url));
const page = readFileSync(path, "utf8");

test("the page is current", () => {
  expect(page, "run: npm run docs").toBe(recipePage(recipeSchema(), [...TRAINING_FLAGS, ...ATTACK_FLAGS]));
});

test("every key has its line, and every line says what the key is", () => {
  const found = page.split("\n## ").flatMap((part) => {
    const section = /^`(.*)`/.exec(part)?.[1];
    const rows = [...part.matchAll(/^\| `(\w+)`.*?\|(.*)\|(.*)\|(.*)\|.*\|$/gm)];
    for (const [line, key, , , text] of rows) if (key !== "name") expect(text.length, line).toBeGreaterThan(10);
    return [...(section ? [section] : []), ...rows.map(([, key]) => (section ? `${section}.${key}` : key))];
  });
  expect([...new Set([...found, "routes"])].sort()).toEqual(knownPaths().sort());
});
