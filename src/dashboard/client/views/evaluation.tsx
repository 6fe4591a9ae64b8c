/** The results of `advprop evaluate` and of suites for the chosen runs. */

import { attackText } from "../../../evaluation/attack-text.js";
import type { EvaluationFile } from "../../../runs/schema.js";
import type { EvaluationEntry, RunDetails, RunSummary } from "../../wire.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { dateText, marginText, NONE, percent, short } from "../format.js";
import { requestsFor, useFetched } from "../live.js";
import { ConfusionCard } from "./confusion.js";
import { MistakesCard } from "./mistakes.js";
import { SuiteCards } from "./suite.js";
import type { ViewProps } from "./view-props.js";

/** An evaluation and its run. */
export interface Evaluated {
  readonly run: RunSummary;
  readonly entry: EvaluationEntry;
  readonly evaluation: EvaluationFile;
}

export function EvaluationView(props: ViewProps) {
  const { listing, chosen, names, colours, address } = props;
  const details = useFetched<RunDetails>(requestsFor("run", chosen, ({ versions }) => versions.evaluation));
  const all = chosen.flatMap((run): Evaluated[] =>
    (details.get(run.id)?.evaluations ?? []).map((entry) => ({
      run,
      entry,
      evaluation: entry.evaluation as unknown as EvaluationFile,
    })),
  );
  const key = ({ run, entry }: Evaluated) => `${run.id}/${entry.file}`;
  const shown =
    all.find((one) => key(one) === address.get("file")) ??
    // An evaluation with an attack may have fewer images.
    all.findLast(({ entry, evaluation }) => entry.hasConfusion && evaluation.attack === undefined) ??
    all.at(-1);
  const reports = listing.reports.filter(({ kind }) => kind === "suite");
  return (
    <section aria-label="Evaluation">
      {all.length === 0 && details.size === chosen.length && (
        <p class="empty">
          The chosen runs have not been evaluated. <code>npx advprop evaluate RUN --attack pgd</code> measures a run on
          clean and attacked test images.
        </p>
      )}
      {all.length > 0 && (
        <EvaluationTable {...{ all, names, colours, shown, choose: (one) => address.set({ file: key(one) }) }} />
      )}
      <SuiteCards {...{ details, reports, chosen, colours, names, address }} />
      {shown !== undefined && (
        <>
          <h2>
            <span class="swatch" style={{ background: colours.get(shown.run.id) }} /> {names.get(shown.run.id)}
            <small>{describe(shown.evaluation)}</small>
          </h2>
          {shown.entry.hasConfusion && <ConfusionCard run={shown.run} file={shown.entry.file} />}
          <MistakesCard run={shown.run} evaluation={shown.evaluation} />
        </>
      )}
    </section>
  );
}

const attackOf = ({ attack }: EvaluationFile): string => (attack === undefined ? NONE : attackText(attack));

const describe = (evaluation: EvaluationFile): string =>
  `${evaluation.data.split} images, ${evaluation.route ?? "its only"} norms, ${dateText(evaluation.createdAt)}`;

interface TableProps extends Pick<ViewProps, "names" | "colours"> {
  readonly all: readonly Evaluated[];
  readonly shown: Evaluated | undefined;
  readonly choose: (one: Evaluated) => void;
}

function EvaluationTable({ all, names, colours, shown, choose }: TableProps) {
  const save = () =>
    saveCsv("evaluations", [
      [
        "run",
        "images",
        "split",
        "norms",
        "count",
        "accuracy",
        "balanced accuracy",
        "loss",
        "attack",
        "accuracy under attack",
        "measured at",
      ],
      ...all.map(({ run, evaluation: e }) => [
        run.id,
        e.data.name,
        e.data.split,
        e.route,
        e.count,
        e.accuracy,
        e.balancedAccuracy,
        e.loss,
        attackOf(e),
        e.robustAccuracy,
        e.createdAt,
      ]),
    ]);
  return (
    <section class="card" aria-label="Evaluations">
      <div class="bar">
        <h3>Evaluations</h3>
        <span class="gap" />
        <CsvButton onClick={save}>of the evaluations</CsvButton>
      </div>
      <div class="scroll">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Images</th>
              <th scope="col">Norms</th>
              <th scope="col" class="number">
                Accuracy
              </th>
              <th scope="col" class="number">
                Balanced
              </th>
              <th scope="col" class="number">
                Loss
              </th>
              <th scope="col">Attack</th>
              <th scope="col" class="number">
                Attacked
              </th>
              <th scope="col">Measured</th>
            </tr>
          </thead>
          <tbody>
            {all.map((one) => {
              const { run, entry, evaluation: e } = one;
              return (
                <tr key={`${run.id} ${entry.file}`} class={one === shown ? "on" : undefined}>
                  <th scope="row">
                    <span class="swatch" style={{ background: colours.get(run.id) }} />{" "}
                    <button
                      type="button"
                      class="link"
                      title="show its confusion matrix and worst mistakes"
                      onClick={() => choose(one)}
                    >
                      {names.get(run.id)}
                    </button>
                  </th>
                  <td>
                    {e.count} of {e.data.name}, {e.data.split}
                  </td>
                  <td>{e.route ?? NONE}</td>
                  <td class="number">
                    {percent(e.accuracy)} <small>{marginText(e.accuracy, e.count)}</small>
                  </td>
                  <td class="number">{percent(e.balancedAccuracy)}</td>
                  <td class="number">{short(e.loss)}</td>
                  <td>{attackOf(e)}</td>
                  <td class="number">
                    {percent(e.robustAccuracy)}{" "}
                    {e.robustAccuracy !== undefined && <small>{marginText(e.robustAccuracy, e.count)}</small>}
                  </td>
                  <td>{dateText(e.createdAt)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class="note">± is half the 95 % interval over the images. Differences within it may be chance.</p>
    </section>
  );
}
