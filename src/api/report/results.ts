/** Tables with the results of validations, evaluations and suites. */
import { basename } from "node:path";
import { type Block, percent, type TableCell } from "../../evaluation/report/document.js";
import { wilsonInterval } from "../../evaluation/statistics/bootstrap.js";
import { corruptionMaps, resultTables, robustnessFigures } from "../../evaluation/suite/document.js";
import type { SuiteSummary } from "../../evaluation/suite/summary.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import { asFraction } from "../../recipes/rules.js";
import type { EvaluationFile, SuiteFile } from "../../runs/schema.js";
import { counted } from "../../runs/wording.js";
import type { ReportedRun } from "./reported-run.js";

/** A table of the validations of all runs, and of the latest evaluation of each kind. */
export function resultBlocks(runs: readonly ReportedRun[]): Block[] {
  const rows = [...validationRows(runs), ...evaluationRows(runs)];
  if (rows.length === 0) return [];
  return [
    {
      kind: "table",
      caption:
        "Accuracy in percent. In brackets: 95 % intervals over images. They hold for these networks on other images, but not for other " +
        "trainings. Validation images chose the best checkpoint, so its accuracy on them is usually higher than on new images.",
      columns: ["", ...runs.map(({ name }) => name)],
      rows,
    },
  ];
}

function validationRows(runs: readonly ReportedRun[]): TableCell[][] {
  if (runs.every(({ validations }) => validations.length === 0)) return [];
  const row = (name: string, cell: (run: ReportedRun) => TableCell): TableCell[] => [name, ...runs.map(cell)];
  const cell = (record: { readonly accuracy: number; readonly epoch: number } | undefined): TableCell =>
    record === undefined
      ? "none"
      : { value: record.accuracy, text: `${percent(record.accuracy).text} (epoch ${record.epoch + 1})` };
  const best = ({ validations }: ReportedRun) =>
    validations.reduce<(typeof validations)[number] | undefined>(
      (most, one) => (most === undefined || one.accuracy > most.accuracy ? one : most),
      undefined,
    );
  const routes = new Set(
    runs.flatMap(({ validations }) => validations.flatMap((one) => Object.keys(one.routes ?? {}))),
  );
  return [
    row("validation images, best epoch", (run) => cell(best(run))),
    row("validation images, last epoch", ({ validations }) => cell(validations.at(-1))),
    ...[...routes]
      .filter((route) => route !== MAIN_ROUTE)
      .map((route) =>
        row(`the same through the batch norms of ${route}`, ({ validations }) => {
          const last = validations.at(-1);
          const own = last?.routes?.[route];
          return cell(own && { ...own, epoch: last!.epoch });
        }),
      ),
  ];
}

/** One row per kind of evaluation, clean ones first. Only the latest evaluation of each kind is shown. */
function evaluationRows(runs: readonly ReportedRun[]): TableCell[][] {
  const kinds = new Map<string, { readonly attacked: boolean; readonly cells: Map<ReportedRun, TableCell> }>();
  for (const run of runs) {
    for (const file of run.run.evaluations()) {
      const { accuracy, robustAccuracy = accuracy, count, data } = file;
      const kind = describeEvaluation(file);
      const cells = kinds.get(kind)?.cells ?? new Map<ReportedRun, TableCell>();
      const { low, high } = wilsonInterval(robustAccuracy, count);
      const chose = data.choseCheckpoint ? ", chose the checkpoint" : "";
      const text = `${percent(robustAccuracy).text} [${percent(low).text}, ${percent(high).text}]${chose}`;
      kinds.set(kind, { attacked: file.attack !== undefined, cells: cells.set(run, { value: robustAccuracy, text }) });
    }
  }
  const ordered = [...kinds].sort(([, a], [, b]) => Number(a.attacked) - Number(b.attacked));
  return ordered.map(([kind, { cells }]) => [kind, ...runs.map((run) => cells.get(run) ?? "not measured")]);
}

function describeEvaluation({ data, count, attack, route, weights }: EvaluationFile): string {
  const checkpoint = basename(weights).replace(/\.safetensors$/, "");
  const images = data.split === "all" ? data.name : `${data.name}, ${data.split}`;
  const parts = [
    `${images}, ${count} images`,
    ...(attack === undefined ? [] : [`under ${describeAttack(attack)}`]),
    ...(route === undefined || route === MAIN_ROUTE ? [] : [`route ${route}`]),
    `checkpoint ${checkpoint}`,
  ];
  return parts.join(", ");
}

function describeAttack({ name, norm, epsilon, steps }: Readonly<Record<string, unknown>>): string {
  const size = typeof epsilon !== "number" ? "" : norm === "l2" ? ` L2 ${epsilon}` : ` ${asFraction(epsilon)}`;
  return `${String(name)}${size}${typeof steps === "number" ? `, ${counted(steps, "step")}` : ""}`;
}

/** The suites of all runs. Suites on the same images share a table, with a column for each run. Only the latest suite of a run is shown. */
export function suiteBlocks(runs: readonly ReportedRun[]): Block[] {
  const groups = new Map<string, Map<ReportedRun, SuiteFile>>();
  for (const run of runs) {
    for (const file of run.run.suites()) {
      const { data, models } = file.summary;
      const parts = [models[0].clean !== undefined, models[0].errors.length > 0, models[0].robustness.length > 0];
      const key = JSON.stringify([data, parts]);
      groups.set(key, (groups.get(key) ?? new Map<ReportedRun, SuiteFile>()).set(run, file));
    }
  }
  return [...groups.values()].flatMap((group): Block[] => {
    const summary = joined([...group].map(([{ name }, file]) => ({ name, summary: file.summary })));
    const { name, images, classes } = summary.data;
    return [
      { kind: "heading", text: `Robustness on ${name}` },
      { kind: "paragraph", text: `${images} images, ${classes} classes.` },
      ...resultTables(summary),
      ...corruptionMaps(summary.models),
      ...robustnessFigures(summary.models),
    ];
  });
}

/** Joins summaries of one model each into a summary of all. Missing values of a model are undefined. */
function joined(all: readonly { readonly name: string; readonly summary: SuiteSummary }[]): SuiteSummary {
  const [{ summary: first }] = all;
  const names = new Map(
    all.flatMap(({ summary }) => summary.measures.map(({ name, better }) => [name, better] as const)),
  );
  return {
    ...first,
    models: all.map(({ name, summary }) => ({ ...summary.models[0], name })),
    measures: [...names].map(([name, better]) => ({
      name,
      better,
      values: all.map(({ summary }) => summary.measures.find((one) => one.name === name)?.values[0]),
      differences: all.map(() => undefined),
    })),
  };
}
