/** The columns and the order of the list of runs. */
import type { RunSummary } from "../../wire.js";
import { ago, duration, NONE, percent, short } from "../format.js";

export interface Column {
  readonly name: string;
  readonly title: string;
  readonly hint?: string;
  /** The value for sorting and for CSV files. */
  readonly value: (run: RunSummary) => string | number | undefined;
  readonly text?: (run: RunSummary, now: number) => string;
  /** Whether the column is hidden on narrow screens. */
  readonly minor?: boolean;
  /** Whether the column is aligned to the right. */
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
    hint: "newest training loss, of clean images if there is one",
    value: ({ loss }) => loss,
    text: ({ loss }) => short(loss),
    minor: true,
  },
  {
    name: "validation",
    title: "Validation",
    number: true,
    hint: "best accuracy on the validation images, through the main batch norms",
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
    title: "Time per epoch",
    number: true,
    value: ({ secondsPerEpoch }) => secondsPerEpoch,
    text: ({ secondsPerEpoch }) => duration(secondsPerEpoch),
    minor: true,
  },
  {
    name: "created",
    title: "Started",
    value: ({ createdAt }) => createdAt,
    text: ({ createdAt }, now) => (createdAt === undefined ? NONE : ago(Date.parse(createdAt), now)),
  },
];

/** Whether a run matches all words of the filter. */
export function matches(run: RunSummary, filter: string, state: string | undefined): boolean {
  if (state !== undefined && run.state !== state) return false;
  const text = `${run.id} ${run.name} ${run.method ?? ""} ${run.model ?? ""} ${run.data ?? ""}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Sorts by a column's name; a minus before it sorts in descending order. Runs without a value are last in both directions. */
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
