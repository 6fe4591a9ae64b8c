/** Every link from a page to a file or a heading of this repository leads there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ofDocs = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
const pages = [...ofDocs.map((name) => `docs/${name}`), "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"];

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(path: string): string[] {
  const headings = readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, text]) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test.each(pages)("%s", (page) => {
  const text = readFileSync(join(ROOT, page), "utf8").replace(/^\s*```[\s\S]*?^\s*```/gm, "");
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  const broken = targets.filter((target) => {
    if (/^(https?|mailto):/.test(target)) return false;
    const [file, anchor] = target.split("#");
    const path = file === "" ? join(ROOT, page) : join(ROOT, dirname(page), file);
    return !existsSync(path) || (anchor !== undefined && !anchorsOf(path).includes(anchor));
  });
  expect(broken).toEqual([]);
});
