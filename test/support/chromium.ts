import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Debian's chromium, where it is installed. */
const FOUND = ["chromium", "chromium-browser"].find((name) => spawnSync(name, ["--version"]).status === 0);

/** Whether there is a browser to look at pages with. */
export const hasChromium: boolean = FOUND !== undefined;

/** The page that a browser made of a file, as HTML. */
export function runChromium(file: string, scheme: "light" | "dark"): string {
  if (FOUND === undefined) throw new Error("runChromium: chromium is not installed; skip the test without it");
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
    return spawnSync(FOUND, [...flags, pathToFileURL(file).href], { encoding: "utf8", timeout: 40_000 }).stdout;
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
}
