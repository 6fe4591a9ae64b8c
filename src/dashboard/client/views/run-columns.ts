/** The columns of the list of runs, and its order. */
import type { RunSummary } from "../../wire.js";
import { ago, duration, NONE, percent, short } from "../format.js";

export interface Column {
  readonly name: string;
  readonly title: string;
  readonly hint?: string;
  /** What it is sorted and saved by. */
  readonly value: (run: RunSummary) => string | number | undefined;
  readonly text?: (run: RunSummary, now: number) => string;
  /** Left out on narrow screens. */
  readonly minor?: boolean;
  /** Stands to the right. */
  readonly number?: boolean;
}

export const COLUMNS: readonly Column[] = [
  { name: "state", title: "State", value: ({ state }) => state },
  { name: "method", title: "Method", value: ({ method }) => method },
  { name: "model", title: "Network", value: ({ model }) => model, minor: true },
  { name: "data", title: "Data", value: ({ data }) => data, minor: true },
  { name: "seed", title: "Seed", value: ({ seed }) => seed, minor: true, number: true },
  {
    name: "epoch",
    title: "Epochs",
    value: ({ epochsDone, step }) => epochsDone ?? (step === undefined ? undefined : 0),
  },
  {
    name: "loss",
    title: "Loss",
    number: true,
    hint: "newest training loss, of clean images where there is one",
    value: ({ loss }) => loss,
    text: ({ loss }) => short(loss),
    minor: true,
  },
  {
    name: "validation",
    title: "Validation",
    number: true,
    hint: "best accuracy on the validation images, through the main norms",
    value: ({ best, validation }) => best ?? validation,
    text: ({ best, validation }) => percent(best ?? validation),
  },
  {
    name: "clean",
    title: "Test",
    number: true,
    hint: "accuracy of the newest evaluation",
    value: ({ clean }) => clean,
    text: ({ clean }) => percent(clean),
  },
  {
    name: "robust",
    title: "Attacked",
    number: true,
    hint: "accuracy of the newest evaluation under an attack",
    value: ({ robust }) => robust,
    text: ({ robust }) => percent(robust),
  },
  {
    name: "speed",
    title: "Epoch takes",
    number: true,
    value: ({ secondsPerEpoch }) => secondsPerEpoch,
    text: ({ secondsPerEpoch }) => duration(secondsPerEpoch),
    minor: true,
  },
  {
    name: "created",
    title: "Begun",
    value: ({ createdAt }) => createdAt,
    text: ({ createdAt }, now) => (createdAt === undefined ? NONE : ago(Date.parse(createdAt), now)),
  },
];

/** Whether a run has all words of the filter. */
export function matches(run: RunSummary, filter: string, state: string | undefined): boolean {
  if (state !== undefined && run.state !== state) return false;
  const text = `${run.id} ${run.name} ${run.method ?? ""} ${run.model ?? ""} ${run.data ?? ""}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** By a column's name, from the largest down with a minus. Runs without a value stand last, in both directions. */
export function sorted(runs: readonly RunSummary[], sort: string): RunSummary[] {
  const name = sort.replace(/^-/, "");
  const value =
    name === "name"
      ? ({ id }: RunSummary) => id
      : (COLUMNS.find((column) => column.name === name)?.value ?? (() => undefined));
  const sign = sort.startsWith("-") ? -1 : 1;
  return [...runs].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === y) return a.id < b.id ? -1 : 1;
    if (x === undefined || y === undefined) return x === undefined ? 1 : -1;
    return x < y ? -sign : sign;
  });
}
