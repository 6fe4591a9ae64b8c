// Trains and measures for a question of the evidence. Usage below.
//
// `settings` trains the candidates, each judged by its last epoch on validation images; `arms` trains the arms with the chosen settings
// on fresh seeds or folds, and measures them on test images. One training after the other. Of each that is finished
// results/runs/NAME.json is written. What is there already is not trained again, and a training that was interrupted is resumed from its
// folder under runs/.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { imagesFor } from "./images.mjs";
import { measure } from "./measure.mjs";
import { openProduct, processorKind } from "./product.mjs";
import { candidatesFor, chosenSettings, QUESTIONS } from "./questions/index.mjs";
import { readRuns, writeRun } from "./runs.mjs";

const USAGE = `node results/run.mjs QUESTION settings|arms DATA [ARM] [--weights FILE] [--product CHECKOUT] [--reverse]
  QUESTION   ${Object.keys(QUESTIONS).join(", ")}
  DATA       folder of CIFAR-10 (binary version), or for question c of the photos
  ARM        only this arm
  --weights  question c: EfficientNet-Lite0's weights
  --product  a built checkout of advprop that trains and measures; by default this one
  --reverse  from the last training of each group to the first, beside another process that begins with the first`;

const HERE = import.meta.dirname;
const resultOf = (name) => join(HERE, "runs", `${name}.json`);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { weights: { type: "string" }, product: { type: "string" }, reverse: { type: "boolean", default: false } },
});
const [question, phase, data, onlyArm] = positionals;
const asked = QUESTIONS[question];
if (asked === undefined || !["settings", "arms"].includes(phase) || data === undefined) throw new Error(USAGE);
const work = join(HERE, "..", "runs");
const product = await openProduct(values.product ?? join(HERE, ".."));
const processor = processorKind();
const images = await imagesFor(product, asked, data, work);
const abort = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => abort.abort());

const all = trainings();
const wanted = all.filter(({ arm }) => onlyArm === undefined || arm === onlyArm);
if (wanted.length === 0) throw new Error(`Question ${question} has no arm ${onlyArm}`);
const groups = [...new Set(wanted.map(({ group }) => group))].map((group) =>
  wanted.filter((one) => one.group === group),
);
for (const training of groups.flatMap((group) => (values.reverse ? group.reverse() : group))) {
  const { name } = training;
  if (existsSync(resultOf(name))) continue;
  const other = phase === "arms" && strangerOf(training);
  if (other) {
    console.log(
      `${name} is left out: ${other.name} of its pair was made by commit ${other.commit} on ${other.processor}`,
    );
    continue;
  }
  await finish(training).catch((error) => {
    if (error.code === "ERR_RUN_LOCKED") console.log(`${name} is left out: another process trains or measures it`);
    else throw error;
  });
  if (abort.signal.aborted) break;
}

/** Trains, measures, and writes the result. @throws ERR_RUN_LOCKED another process does so */
async function finish(training) {
  const { name, arm, repetition, recipe } = training;
  const run = await trained(training);
  if (abort.signal.aborted) return;
  const { lockRun } = await product.load("runs/run-lock.js");
  const unlock = lockRun(run, join(run, "lock"));
  try {
    if (existsSync(resultOf(name))) return;
    const { info, records } = recordsOf(run);
    const found =
      phase === "settings"
        ? { last: records.filter(({ type }) => type === "validation").at(-1) }
        : { repetition, measured: await measure(product, run, await images.tested(training)) };
    const seconds = records.filter(({ type }) => type === "epoch").reduce((sum, one) => sum + one.seconds, 0);
    const digest = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16);
    const { commit } = product;
    const result = { question, arm, name, recipe, digest, commit, processor, finished: info.status, seconds, ...found };
    writeRun(resultOf(name), result);
    console.log(name, found.last?.accuracy ?? found.measured);
  } finally {
    unlock();
  }
}

function trainings() {
  const candidates = candidatesFor(asked);
  if (phase === "settings") {
    if (asked.candidates === undefined) throw new Error(`The settings of ${question} are those of ${asked.settingsOf}`);
    return candidates;
  }
  const { chosen, missing } = chosenSettings(candidates, readRuns());
  if (missing.length > 0) {
    throw new Error(`These candidates have not run, so settings cannot be chosen: ${missing.join(", ")}`);
  }
  return asked.trainings(chosen);
}

/** A finished training to be paired with this one that another commit or another kind of processor made. */
function strangerOf({ group, repetition }) {
  const runs = readRuns();
  const pairs = all.filter((one) => one.group === group && one.repetition === repetition && runs.has(one.name));
  return pairs
    .map(({ name }) => runs.get(name))
    .find((one) => one.processor !== processor || one.commit !== product.commit);
}

/** The folder of the training, which is finished unless it was aborted. */
async function trained(training) {
  const { openRun, train } = product.library;
  const run = join(work, training.name);
  const resume = existsSync(join(run, "recipe.yaml"));
  if (resume && openRun(run).info.status === "finished") return run;
  const { path, split } = images.trained(training);
  const { recipe, pretrained = false } = training;
  if (pretrained && values.weights === undefined) throw new Error("This question needs --weights FILE");
  const start = pretrained ? { finetune: { weights: values.weights } } : {};
  const complete = { ...recipe, ...start, data: { ...recipe.data, path }, threads: 1 };
  await train(resume ? {} : complete, { run, resume, signal: abort.signal, ...(!resume && split && { split }) });
  return run;
}

function recordsOf(run) {
  const { info, metrics } = product.library.openRun(run);
  return { info, records: metrics() };
}
