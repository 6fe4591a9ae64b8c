/** The frame of the page: the folder, the views, and the chosen runs. */

import { useEffect, useMemo } from "preact/hooks";
import type { RunSummary } from "../wire.js";
import { useAddress } from "./address.js";
import { runColours, useDark } from "./charts/colours.js";
import { useLive } from "./live.js";
import { shortNames } from "./names.js";
import { StateMark } from "./state-mark.js";
import { ComparisonView } from "./views/comparison.js";
import { CurvesView } from "./views/curves.js";
import { EvaluationView } from "./views/evaluation.js";
import { ExamplesView } from "./views/examples.js";
import { NormsView } from "./views/norms.js";
import { RecipeView } from "./views/recipe.js";
import { RunsView } from "./views/runs.js";
import type { ViewProps } from "./views/view-props.js";

const VIEWS = [
  ["runs", "Runs", RunsView],
  ["curves", "Curves", CurvesView],
  ["examples", "Adversarial examples", ExamplesView],
  ["norms", "Norms", NormsView],
  ["recipe", "Recipe", RecipeView],
  ["evaluation", "Evaluation", EvaluationView],
  ["comparison", "Comparisons", ComparisonView],
] as const;

/** Number of runs that are chosen by default: the newest ones with the same data as the newest. */
const CHOSEN_AT_FIRST = 4;

export function App() {
  const address = useAddress();
  const { listing, connected } = useLive();
  const dark = useDark();
  const requested = address.all("run");
  const runs = listing?.runs ?? [];
  const chosen = useMemo(() => chosenRuns(runs, requested), [runs, requested?.join("\n")]);
  const view = VIEWS.find(([name]) => name === address.get("view")) ?? VIEWS[0];
  const by = address.get("colour") === "method" ? "method" : "run";
  const colours = useMemo(() => runColours(chosen, by, dark), [chosen, by, dark]);
  const names = useMemo(() => shortNames(runs), [runs]);
  const choose = (ids: readonly string[]) => address.set({ run: ids, zoom: undefined });
  useEffect(() => {
    document.title = `${view[1]} · advprop`;
    // On a narrow screen the tab of the view may be outside of the visible area.
    document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [view, listing === undefined]);
  const View = view[2];
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header>
        <p class="brand">advprop</p>
        <p class="folder" title={listing?.folder}>
          {listing?.folder ?? ""}
        </p>
        <p class={connected ? "live" : "live off"} role="status">
          {connected ? "live" : "not connected"}
        </p>
        <nav aria-label="Views">
          {VIEWS.map(([name, title]) => (
            <a
              key={name}
              href={address.link({ view: name })}
              aria-current={name === view[0] ? "page" : undefined}
              onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                event.preventDefault();
                address.set({ view: name }, true);
              }}
            >
              {title}
            </a>
          ))}
        </nav>
      </header>
      {listing !== undefined && view[0] !== "runs" && view[0] !== "comparison" && (
        <Chosen chosen={chosen} colours={colours} names={names} choose={choose} />
      )}
      <main id="content" tabIndex={-1}>
        {listing === undefined ? (
          <p class="empty">
            {connected ? "Reading the folder…" : "The dashboard's program does not answer. Is it still running?"}
          </p>
        ) : (
          <View {...{ listing, chosen, choose, colours, names, address }} />
        )}
      </main>
    </>
  );
}

function chosenRuns(runs: readonly RunSummary[], requested: readonly string[] | undefined): readonly RunSummary[] {
  if (requested !== undefined) return requested.flatMap((id) => runs.find((run) => run.id === id) ?? []);
  const begun = ({ createdAt = "" }: RunSummary) => createdAt;
  const newestFirst = runs.filter(({ state }) => state !== "unreadable").sort((a, b) => (begun(a) < begun(b) ? 1 : -1));
  return newestFirst
    .filter(({ data }) => data === newestFirst[0].data)
    .slice(0, CHOSEN_AT_FIRST)
    .reverse();
}

interface ChosenProps extends Pick<ViewProps, "chosen" | "colours" | "names" | "choose"> {}

function Chosen({ chosen, colours, names, choose }: ChosenProps) {
  return (
    <section class="chosen" aria-label="Chosen runs">
      {chosen.length === 0 && <p>No run is chosen. Choose some under Runs.</p>}
      <ul>
        {chosen.map((run) => (
          <li key={run.id} title={run.id}>
            <span class="swatch" style={{ background: colours.get(run.id) }} />
            {names.get(run.id)}
            <StateMark state={run.state} bare />
            <button
              type="button"
              aria-label={`Leave out ${names.get(run.id)}`}
              onClick={() => choose(chosen.filter(({ id }) => id !== run.id).map(({ id }) => id))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
