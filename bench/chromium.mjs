import { spawnSync } from "node:child_process";
import { chromium } from "playwright-core";

/** Debian's chromium without a window; undefined where it is not installed. */
export async function openChromium() {
  const found = ["chromium", "chromium-browser"].find((name) => spawnSync(name, ["--version"]).status === 0);
  if (found === undefined) return undefined;
  const executablePath = spawnSync("which", [found], { encoding: "utf8" }).stdout.trim();
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}
