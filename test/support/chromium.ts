import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

/** Debian's chromium, where it is installed. */
export const CHROMIUM = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap((folder) => ["chromium", "chromium-browser"].map((name) => join(folder, name)))
  .find((path) => existsSync(path) && spawnSync(path, ["--version"]).status === 0);

/** Whether there is a browser to look at pages with. */
export const hasChromium: boolean = CHROMIUM !== undefined;
if (!hasChromium) console.warn("no chromium: tests of pages are skipped (Debian: apt-get install chromium)");

/** The page that a browser made of a file, as HTML. */
export function runChromium(file: string, scheme: "light" | "dark"): string {
  if (CHROMIUM === undefined) throw new Error("runChromium: chromium is not installed; skip the test without it");
  const profile = mkdtempSync(join(tmpdir(), "advprop-chromium-"));
  try {
    const colours = `--blink-settings=preferredColorScheme=${scheme === "dark" ? 0 : 1}`;
    const flags = [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      colours,
      `--user-data-dir=${profile}`,
      "--dump-dom",
    ];
    return spawnSync(CHROMIUM, [...flags, pathToFileURL(file).href], { encoding: "utf8", timeout: 40_000 }).stdout;
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
}
