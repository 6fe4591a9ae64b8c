/** The list of runs: filter, sort, choose. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { RunState, RunSummary } from "../wire.js";
import type { ViewProps } from "./app.js";
import { saveCsv } from "./csv.js";
import { ago, duration, NONE, percent, short } from "./format.js";
import { StateMark } from "./state-mark.js";

interface Column {
  readonly name: string;
  readonly title: string;
  readonly hint?: string;
  /** What it is sorted and saved by. */
  readonly value: (run: RunSummary) => string | number | undefined;
  readonly text?: (run: RunSummary, now: number) => string;
  /** Left out on narrow screens. */
  readonly minor?: boolean;
}

const COLUMNS: readonly Column[] = [
  { name: "state", title: "State", value: ({ state }) => state },
  { name: "method", title: "Method", value: ({ method }) => method },
  { name: "model", title: "Network", value: ({ model }) => model },
  { name: "data", title: "Data", value: ({ data }) => data, minor: true },
  { name: "seed", title: "Seed", value: ({ seed }) => seed, minor: true },
  {
    name: "epoch",
    title: "Epochs",
    value: ({ epochsDone, step }) => epochsDone ?? (step === undefined ? undefined : 0),
  },
  {
    name: "loss",
    title: "Loss",
    hint: "newest training loss, of clean images where there is one",
    value: ({ loss }) => loss,
    text: ({ loss }) => short(loss),
    minor: true,
  },
  {
    name: "validation",
    title: "Validation",
    hint: "best accuracy on the validation images, through the main norms",
    value: ({ best, validation }) => best ?? validation,
    text: ({ best, validation }) => percent(best ?? validation),
  },
  {
    name: "clean",
    title: "Test",
    hint: "accuracy of the newest evaluation",
    value: ({ clean }) => clean,
    text: ({ clean }) => percent(clean),
  },
  {
    name: "robust",
    title: "Attacked",
    hint: "accuracy of the newest evaluation under an attack",
    value: ({ robust }) => robust,
    text: ({ robust }) => percent(robust),
  },
  {
    name: "speed",
    title: "Epoch takes",
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

const STATES: readonly RunState[] = ["running", "finished", "stopped", "failed", "crashed", "unreadable"];

export function RunsView({ listing, chosen, choose, colours, names, address }: ViewProps) {
  const filter = address.get("filter") ?? "";
  const state = address.get("state");
  const sort = address.get("sort") ?? "-created";
  const now = useNow();
  const shown = useMemo(
    () =>
      sorted(
        listing.runs.filter((run) => matches(run, filter, state)),
        sort,
      ),
    [listing.runs, filter, state, sort],
  );
  const chosenIds = new Set(chosen.map(({ id }) => id));
  const present = STATES.map((one) => [one, listing.runs.filter((run) => run.state === one).length] as const).filter(
    ([, count]) => count > 0,
  );
  const toggle = (id: string) =>
    choose(
      chosenIds.has(id)
        ? chosen.filter((run) => run.id !== id).map((run) => run.id)
        : [...chosen.map((run) => run.id), id],
    );

  if (listing.runs.length === 0) {
    return (
      <div class="empty">
        <p>There is no run in {listing.folder} yet. This page shows each one as soon as it begins.</p>
        <p>
          <code>npx advprop train --data shapes --epochs 3 --run {listing.folder}/first</code>
        </p>
      </div>
    );
  }
  return (
    <section aria-label="Runs">
      <div class="bar">
        <label>
          Filter{" "}
          <input
            type="search"
            value={filter}
            placeholder="name, method, network, data"
            onInput={(event) => address.set({ filter: event.currentTarget.value || undefined })}
          />
        </label>
        <fieldset class="choices">
          <legend class="unseen">State</legend>
          <button type="button" aria-pressed={state === undefined} onClick={() => address.set({ state: undefined })}>
            all {listing.runs.length}
          </button>
          {present.map(([one, count]) => (
            <button
              key={one}
              type="button"
              aria-pressed={state === one}
              onClick={() => address.set({ state: state === one ? undefined : one })}
            >
              {one} {count}
            </button>
          ))}
        </fieldset>
        <span class="gap" />
        <button type="button" onClick={() => choose(shown.map(({ id }) => id).slice(0, MOST_CHOSEN))}>
          Choose {shown.length > MOST_CHOSEN ? `the first ${MOST_CHOSEN}` : `these ${shown.length}`}
        </button>
        <button type="button" disabled={chosen.length === 0} onClick={() => choose([])}>
          Choose none
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() =>
            saveCsv("runs", [
              ["run", ...COLUMNS.map(({ name }) => name)],
              ...shown.map((run) => [run.id, ...COLUMNS.map(({ value }) => value(run))]),
            ])
          }
        >
          CSV<span class="unseen"> of the runs</span>
        </button>
      </div>
      <div class="scroll card flush">
        <table class="runs">
          <thead>
            <tr>
              <th scope="col" class="check">
                <span class="unseen">chosen</span>
              </th>
              <SortHead title="Run" name="name" sort={sort} set={(next) => address.set({ sort: next })} />
              {COLUMNS.map(({ name, title, hint, minor }) => (
                <SortHead
                  key={name}
                  {...{ title, name, hint, minor, sort }}
                  set={(next) => address.set({ sort: next })}
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((run) => (
              <tr key={run.id} class={chosenIds.has(run.id) ? "on" : undefined}>
                <td class="check">
                  <input
                    type="checkbox"
                    checked={chosenIds.has(run.id)}
                    disabled={run.state === "unreadable"}
                    aria-label={`Choose ${run.id}`}
                    style={{ accentColor: colours.get(run.id) }}
                    onChange={() => toggle(run.id)}
                  />
                </td>
                <th scope="row">
                  {run.state === "unreadable" ? (
                    <span>{names.get(run.id)}</span>
                  ) : (
                    <button
                      type="button"
                      class="link"
                      title="show its curves"
                      onClick={() => address.set({ run: [run.id], view: "curves", zoom: undefined }, true)}
                    >
                      {names.get(run.id)}
                    </button>
                  )}
                  <span class="path">{run.problem ?? parentOf(run.id, names.get(run.id))}</span>
                </th>
                {COLUMNS.map(({ name, value, text, minor }) => (
                  <td key={name} class={`${minor ? "minor " : ""}${typeof value(run) === "number" ? "number" : ""}`}>
                    {name === "state" ? (
                      <StateMark state={run.state} />
                    ) : name === "epoch" ? (
                      <Progress run={run} />
                    ) : (
                      (text?.(run, now) ?? value(run) ?? NONE)
                    )}
                    {name === "robust" && run.attack && <span class="path">{run.attack}</span>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length === 0 && <p class="empty">No run matches.</p>}
      <p class="note">
        {chosen.length === 1 ? "1 run is chosen" : `${chosen.length} runs are chosen`}: the other pages show them side
        by side. The test and attacked columns fill with <code>advprop evaluate RUN</code>.
      </p>
    </section>
  );
}

/** More curves in one chart cannot be told apart. */
const MOST_CHOSEN = 16;

const parentOf = (id: string, name: string | undefined): string =>
  name === undefined || !id.endsWith(name) ? id : id.slice(0, -name.length).replace(/\/$/, "");

function Progress({ run: { epochs, epochsDone, step } }: { readonly run: RunSummary }) {
  if (epochs === undefined) return <>{epochsDone ?? NONE}</>;
  const done = epochsDone ?? 0;
  return (
    <span class="progress" title={step === undefined ? undefined : `${step} updates`}>
      <span class="track" aria-hidden="true">
        <span style={{ width: `${Math.min(100, (100 * done) / epochs)}%` }} />
      </span>
      {done}/{epochs}
    </span>
  );
}

interface SortHeadProps {
  readonly title: string;
  readonly name: string;
  readonly hint?: string;
  readonly minor?: boolean;
  readonly sort: string;
  readonly set: (sort: string) => void;
}

function SortHead({ title, name, hint, minor, sort, set }: SortHeadProps) {
  const direction = sort === name ? "ascending" : sort === `-${name}` ? "descending" : undefined;
  return (
    <th scope="col" class={minor ? "minor" : undefined} aria-sort={direction ?? "none"} title={hint}>
      <button type="button" class="sort" onClick={() => set(direction === "descending" ? name : `-${name}`)}>
        {title}
        <span aria-hidden="true">{direction === "ascending" ? " ↑" : direction === "descending" ? " ↓" : ""}</span>
      </button>
    </th>
  );
}

function matches(run: RunSummary, filter: string, state: string | undefined): boolean {
  if (state !== undefined && run.state !== state) return false;
  const text = `${run.id} ${run.name} ${run.method ?? ""} ${run.model ?? ""} ${run.data ?? ""}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Runs without a value stand last, in both directions. */
function sorted(runs: readonly RunSummary[], sort: string): RunSummary[] {
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

/** The time, so that what was just now grows old. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
