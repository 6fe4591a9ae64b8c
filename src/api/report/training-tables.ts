/** Tables of the settings and the cost of runs, and of the differences between their recipes. */
import type { Block, TableCell } from "../../evaluation/report/document.js";
import { epochsOf } from "../../recipes/build/epochs.js";
import { asFraction, isMapping } from "../../recipes/rules.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { counted, duration } from "../../runs/wording.js";
import { unitsOf } from "../compare/plan.js";
import type { ReportedRun } from "./reported-run.js";

/** A row of a table with a column for each run. */
const row = (name: string, runs: readonly ReportedRun[], cell: (run: ReportedRun) => TableCell): TableCell[] => [
  name,
  ...runs.map(cell),
];

const columns = (runs: readonly ReportedRun[]): string[] => ["", ...runs.map(({ name }) => name)];

/** A table of the settings and data of the runs. */
export function trainedTable(runs: readonly ReportedRun[]): Block {
  const recipe = (cell: (recipe: ResolvedRecipe) => string) => (one: ReportedRun) => cell(one.run.recipe);
  return {
    kind: "table",
    caption: "What was trained",
    columns: columns(runs),
    rows: [
      row(
        "method",
        runs,
        recipe(({ method }) => method),
      ),
      row(
        "network",
        runs,
        recipe(({ model, precision }) => `${model}, ${precision}`),
      ),
      row("images", runs, describeImages),
      row("attack", runs, recipe(describeAttack)),
      row("epochs", runs, ({ run, epochs }) => `${epochs.length} of ${epochsOf(run.recipe)}`),
      row("time", runs, (run) => (run.epochs.length === 0 ? "no epoch done yet" : duration(totalsOf(run).seconds))),
      row("mini-batch", runs, recipe(describeBatch)),
      row(
        "optimiser",
        runs,
        recipe(({ optimizer, schedule }) => `${optimizer.name}, learning rate ${optimizer.lr}, ${schedule.name}`),
      ),
      ...(runs.some(({ run }) => run.recipe.finetune.weights !== null)
        ? [
            row(
              "starts from",
              runs,
              recipe(({ finetune }) => finetune.weights ?? "random weights"),
            ),
          ]
        : []),
      row(
        "seed",
        runs,
        recipe(({ seed }) => String(seed)),
      ),
      row(
        "status",
        runs,
        ({ run }) => `${run.info.status}, begun ${run.info.createdAt.slice(0, 16).replace("T", " ")} UTC`,
      ),
      row("machine", runs, describeMachine),
    ],
  };
}

function describeImages({ run: { info, recipe } }: ReportedRun): string {
  const { name, classes, trainingImages, validationImages } = info.data;
  const side = recipe.data.imageSize === null ? "" : ` at ${recipe.data.imageSize} px`;
  return `${name}${side}, ${classes.length} classes: ${trainingImages} for training, ${validationImages} for validation`;
}

function describeAttack({ attack }: ResolvedRecipe): string {
  if (attack === undefined) return "none";
  const size = (distance: number) => (attack.norm === "linf" ? asFraction(distance) : String(distance));
  const ball = `${attack.norm === "linf" ? "L-infinity" : "L2"} ${size(attack.epsilon)}`;
  if (!("name" in attack)) return ball;
  const steps = "steps" in attack ? `, ${counted(attack.steps, "step")} of ${size(attack.stepSize)}` : "";
  const target = "target" in attack ? `, target ${attack.target}` : "";
  return `${attack.name}, ${ball}${steps}${target}`;
}

function describeBatch({ training: { batchSize, accumulationSteps } }: ResolvedRecipe): string {
  return accumulationSteps === 1 ? `${batchSize}` : `${batchSize}, ${accumulationSteps} mini-batches per update`;
}

function describeMachine({ environment, run }: ReportedRun): string {
  const { cpu, threads, torch } = environment;
  const known = [
    cpu,
    typeof threads === "number" && counted(threads, "thread"),
    torch && `libtorch ${torch}`,
    `advprop ${run.info.version}`,
  ];
  return known.filter(Boolean).join(", ");
}

/** A table of the cost of the runs. */
export function costTable(runs: readonly ReportedRun[]): Block {
  const ofEpochs = (cell: (totals: Totals) => TableCell) => (run: ReportedRun) =>
    run.epochs.length === 0 ? "no epoch done yet" : cell(totalsOf(run));
  const number = (value: number, digits = 0): TableCell => ({ value, text: value.toFixed(digits) });
  return {
    kind: "table",
    caption:
      "Cost of the training epochs, without validations and pictures. A unit is a forward and a backward pass of vanilla training " +
      "over a mini-batch; an attack step costs two thirds of a unit.",
    columns: columns(runs),
    rows: [
      row(
        "time",
        runs,
        ofEpochs(({ seconds }) => ({ value: seconds, text: duration(seconds) })),
      ),
      row(
        "time per epoch",
        runs,
        ofEpochs(({ seconds, epochs }) => ({ value: seconds / epochs, text: duration(seconds / epochs) })),
      ),
      row(
        "images per second",
        runs,
        ofEpochs(({ images, seconds }) => number(images / seconds)),
      ),
      row(
        "waiting for images, in % of the time",
        runs,
        ofEpochs(({ waiting }) => (waiting === undefined ? "not logged" : number(100 * waiting, 1))),
      ),
      row(
        "updates",
        runs,
        ofEpochs(({ updates }) => number(updates)),
      ),
      row("units per update", runs, ({ run }) =>
        number(unitsOf(run.recipe) * run.recipe.training.accumulationSteps, 2),
      ),
      row(
        "units",
        runs,
        ofEpochs(({ updates, unitsPerUpdate }) => number(updates * unitsPerUpdate)),
      ),
    ],
  };
}

interface Totals {
  readonly epochs: number;
  readonly seconds: number;
  readonly images: number;
  /** Share of the time spent waiting; undefined for runs of versions that did not log it. */
  readonly waiting: number | undefined;
  readonly updates: number;
  readonly unitsPerUpdate: number;
}

function totalsOf({ epochs, run }: ReportedRun): Totals {
  const sum = (value: (epoch: (typeof epochs)[number]) => number) =>
    epochs.reduce((total, one) => total + value(one), 0);
  const seconds = sum((epoch) => epoch.seconds);
  const logged = epochs.every(({ waitingShare }) => waitingShare !== undefined);
  return {
    epochs: epochs.length,
    seconds,
    images: sum((epoch) => epoch.imagesPerSecond * epoch.seconds),
    waiting: logged ? sum((epoch) => (epoch.waitingShare ?? 0) * epoch.seconds) / seconds : undefined,
    updates: epochs[epochs.length - 1].step,
    unitsPerUpdate: unitsOf(run.recipe) * run.recipe.training.accumulationSteps,
  };
}

/** A table of the values in which the recipes of several runs differ; empty if there are none. */
export function differencesTable(runs: readonly ReportedRun[]): Block[] {
  // If only some methods have an attack, every key of the attack would be a row.
  const whole = runs.every(({ run }) => run.recipe.attack !== undefined);
  const all = runs.map(({ run: { recipe } }) => {
    return new Map(valuesOf(whole ? recipe : { ...recipe, attack: describeAttack(recipe) }));
  });
  const paths = [...new Set(all.flatMap((values) => [...values.keys()]))];
  const rows = paths
    .map((path) => [path, ...all.map((values) => values.get(path) ?? "none")])
    .filter(([, first, ...others]) => others.some((value) => value !== first));
  if (rows.length === 0) return [];
  return [{ kind: "table", caption: "Differences between the recipes", columns: columns(runs), rows }];
}

/** All values of a recipe as text, with their paths. */
function valuesOf(section: object, path = ""): [string, string][] {
  return Object.entries(section).flatMap(([key, value]): [string, string][] => {
    const own = path === "" ? key : `${path}.${key}`;
    if (isMapping(value)) return valuesOf(value, own);
    const distance = /^attack\.(epsilon|stepSize)$/.test(own) && typeof value === "number";
    return [
      [own, distance ? String(asFraction(value)) : typeof value === "string" ? value : JSON.stringify(value ?? null)],
    ];
  });
}
