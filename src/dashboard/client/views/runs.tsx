/** The list of runs, with a filter, sorting and selection. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { shellWord } from "../../../errors.js";
import type { RunState, RunSummary } from "../../wire.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { NONE } from "../format.js";
import { StateMark } from "../state-mark.js";
import { ByMethod } from "./by-method.js";
import { COLUMNS, type Column, matches, sorted } from "./run-columns.js";
import type { ViewProps } from "./view-props.js";

const STATES: readonly RunState[] = ["running", "finished", "stopped", "failed", "crashed", "unreadable"];

export function RunsView({ listing, chosen, choose, colours, address }: ViewProps) {
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
        <p>There is no run in {listing.folder} yet. This page shows each run as soon as it begins.</p>
        <p>
          <code>npx advprop train --data shapes --epochs 3 --run {shellWord(`${listing.folder}/first`)}</code>
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
        <CsvButton
          onClick={() =>
            saveCsv("runs", [
              ["run", ...COLUMNS.map(({ name }) => name)],
              ...shown.map((run) => [run.id, ...COLUMNS.map(({ value }) => value(run))]),
            ])
          }
        >
          of the runs
        </CsvButton>
      </div>
      <div class="scroll card flush">
        <table class="runs">
          <thead>
            <tr>
              <th scope="col" class="check">
                <span class="unseen">chosen</span>
              </th>
              <SortHead title="Run" name="name" sort={sort} set={(next) => address.set({ sort: next })} />
              {COLUMNS.map((column) => (
                <SortHead key={column.name} {...column} sort={sort} set={(next) => address.set({ sort: next })} />
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
                    <span>{run.name}</span>
                  ) : (
                    <button
                      type="button"
                      class="link"
                      title="show its curves"
                      onClick={() => address.set({ run: [run.id], view: "curves", zoom: undefined }, true)}
                    >
                      {run.name}
                    </button>
                  )}
                  <span class="path">{run.problem ?? run.id.split("/").slice(0, -1).join("/")}</span>
                </th>
                {COLUMNS.map(({ name, value, text, minor, number }) => (
                  <td key={name} class={classOf({ minor, number })}>
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
      <ByMethod chosen={chosen} />
      <p class="note">
        {chosen.length === 1 ? "1 run is chosen" : `${chosen.length} runs are chosen`}. The other pages show the chosen
        runs. To fill the columns Test and Attacked run <code>advprop evaluate RUN</code>.
      </p>
    </section>
  );
}

/** Largest number of chosen runs, because more curves in one chart cannot be distinguished. */
const MOST_CHOSEN = 16;

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

interface SortHeadProps extends Pick<Column, "title" | "name" | "hint" | "minor" | "number"> {
  readonly sort: string;
  readonly set: (sort: string) => void;
}

const classOf = ({ minor, number }: Pick<Column, "minor" | "number">): string =>
  `${minor ? "minor " : ""}${number ? "number" : ""}`;

function SortHead({ title, name, hint, minor, number, sort, set }: SortHeadProps) {
  const direction = sort === name ? "ascending" : sort === `-${name}` ? "descending" : undefined;
  return (
    <th scope="col" class={classOf({ minor, number })} aria-sort={direction ?? "none"} title={hint}>
      <button type="button" class="sort" onClick={() => set(direction === "descending" ? name : `-${name}`)}>
        {title}
        <span aria-hidden="true">{direction === "ascending" ? " ↑" : direction === "descending" ? " ↓" : ""}</span>
      </button>
    </th>
  );
}

/** The current time, updated regularly for texts such as "2 min ago". */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
