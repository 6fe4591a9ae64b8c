// Chooses settings for the evidence: node results/choose.mjs QUESTION DATA [ARM]
//
// Trains every candidate of a question's arms, one after the other, and writes of each that is finished results/runs/NAME.json. What is
// there already is not trained again, and a training that was interrupted is resumed from its folder under runs/. A candidate is judged by its
// last epoch on validation images, which are training images that no candidate trains on. Test images are not read.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { openRun, train } from "../dist/index.js";
import { QUESTIONS } from "./questions.mjs";

const [question, data, onlyArm] = process.argv.slice(2);
const chosen = QUESTIONS[question];
if (chosen === undefined || data === undefined) {
  throw new Error(
    `node results/choose.mjs QUESTION DATA [ARM]; the questions are ${Object.keys(QUESTIONS).join(", ")}`,
  );
}
const here = import.meta.dirname;
const commit = execFileSync("git", ["-C", here, "rev-parse", "HEAD"], { encoding: "utf8" }).trim();
const abort = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => abort.abort());

for (const { name, arm, recipe } of chosen.candidates()) {
  if (onlyArm !== undefined && arm !== onlyArm) continue;
  const file = join(here, "runs", `${name}.json`);
  if (existsSync(file)) continue;
  const run = join(here, "..", "runs", name);
  const complete = { ...recipe, data: { ...recipe.data, path: data }, threads: 1 };
  const resume = existsSync(join(run, "recipe.yaml"));
  const result = await train(resume ? {} : complete, { run, resume, signal: abort.signal });
  if (abort.signal.aborted) break;
  const records = openRun(run).metrics();
  const last = records.filter(({ type }) => type === "validation").at(-1);
  const digest = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16);
  mkdirSync(join(here, "runs"), { recursive: true });
  const text = {
    question,
    arm,
    name,
    recipe,
    digest,
    commit,
    processor: cpus()[0].model,
    finished: result.status,
    last,
  };
  writeFileSync(`${file}.tmp`, `${JSON.stringify(text, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
  console.log(name, last);
}
