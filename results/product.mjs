import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { processorName } from "../dist/runs/environment.js";

/**
 * A built checkout of advprop, which trains and measures: its library, and its commit.
 *
 * @throws Error its sources differ from the commit, so that a result would name the wrong one
 */
export async function openProduct(checkout) {
  const git = (...args) => execFileSync("git", ["-C", checkout, ...args], { encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--", "src", "native", "package-lock.json");
  if (changed !== "") throw new Error(`${checkout} has changes that are not committed:\n${changed}`);
  const load = (path) => import(pathToFileURL(join(resolve(checkout), "dist", path)).href);
  return { commit: git("rev-parse", "HEAD"), library: await load("index.js"), load };
}

/** The processor, and the widest vectors that it has: trainings on other kinds differ by rounding. */
export function processorKind() {
  const flags = new Set(/^flags\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1].split(" "));
  const widest = ["amx_bf16", "avx512_bf16", "avx512f", "avx2"].find((flag) => flags.has(flag));
  return `${processorName()}, ${widest ?? "no AVX2"}`;
}
