// Trains and measures for a question of the evidence: node results/run.mjs QUESTION settings|arms DATA [ARM]
//
// `settings` trains the candidates, each judged by its last epoch on validation images; `arms` trains the arms with the chosen settings
// on fresh seeds, and measures them on test images. One training after the other. Of each that is finished results/runs/NAME.json is
// written. What is there already is not trained again, and a training that was interrupted is resumed from its folder under runs/.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { openRun, train } from "../dist/index.js";
import { measure } from "./measure.mjs";
import { chosenSettings, QUESTIONS } from "./questions.mjs";
import { readRuns } from "./runs.mjs";

const HERE = import.meta.dirname;
const [question, phase, data, onlyArm] = process.argv.slice(2);
const asked = QUESTIONS[question];
if (asked === undefined || !["settings", "arms"].includes(phase) || data === undefined) {
  const names = Object.keys(QUESTIONS).join(", ");
  throw new Error(`node results/run.mjs QUESTION settings|arms DATA [ARM]; the questions are ${names}`);
}
const commit = execFileSync("git", ["-C", HERE, "rev-parse", "HEAD"], { encoding: "utf8" }).trim();
const processor = processorKind();
const abort = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => abort.abort());

for (const { name, arm, seed, recipe } of trainings()) {
  if (onlyArm !== undefined && arm !== onlyArm) continue;
  const file = join(HERE, "runs", `${name}.json`);
  if (existsSync(file)) continue;
  const pair =
    seed === undefined
      ? undefined
      : [...readRuns().values()].find((one) => one.question === question && one.seed === seed);
  if (pair !== undefined && (pair.processor !== processor || pair.commit !== commit)) {
    console.log(`${name} is left out: ${pair.name} of its seed was made by commit ${pair.commit} on ${pair.processor}`);
    continue;
  }
  const run = join(HERE, "..", "runs", name);
  const complete = { ...recipe, data: { ...recipe.data, path: data }, threads: 1 };
  const resume = existsSync(join(run, "recipe.yaml"));
  const finished = resume && openRun(run).info.status === "finished";
  if (!finished) await train(resume ? {} : complete, { run, resume, signal: abort.signal });
  if (abort.signal.aborted) break;
  const records = openRun(run).metrics();
  const found =
    phase === "settings"
      ? { last: records.filter(({ type }) => type === "validation").at(-1) }
      : { seed, measured: await measure(run, data, join(HERE, "..", "runs", "corrupted")) };
  const epochs = records.filter(({ type }) => type === "epoch");
  const text = {
    question,
    arm,
    name,
    recipe,
    digest: createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16),
    commit,
    processor,
    finished: openRun(run).info.status,
    seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
    ...found,
  };
  mkdirSync(join(HERE, "runs"), { recursive: true });
  writeFileSync(`${file}.tmp`, `${JSON.stringify(text, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
  console.log(name, found.last?.accuracy ?? found.measured);
  if (abort.signal.aborted) break;
}

function trainings() {
  const candidates = asked.candidates();
  if (phase === "settings") return candidates;
  const { chosen, missing } = chosenSettings(candidates, readRuns());
  if (missing.length > 0) {
    throw new Error(`These candidates have not run, so settings cannot be chosen: ${missing.join(", ")}`);
  }
  return asked.trainings(chosen);
}

/** The processor, and the widest vectors that it has: they decide in which order numbers are added. */
function processorKind() {
  const flags = readFileSync("/proc/cpuinfo", "utf8");
  const widest = ["amx_bf16", "avx512_bf16", "avx512f", "avx2"].find((flag) => new RegExp(`\\b${flag}\\b`).test(flags));
  return `${cpus()[0].model}, ${widest ?? "no AVX2"}`;
}
