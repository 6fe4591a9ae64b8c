/** Pictures of the wrong predictions with the largest loss. */

import type { EvaluationFile } from "../../../runs/schema.js";
import type { RunSummary } from "../../wire.js";
import { saveCsv } from "../csv.js";
import { CsvButton } from "../csv-button.js";
import { percent, short } from "../format.js";

export function MistakesCard({ run, evaluation }: { readonly run: RunSummary; readonly evaluation: EvaluationFile }) {
  const { mistakes = [], perClass } = evaluation;
  if (mistakes.length === 0) return null;
  const name = (index: number) => perClass[index]?.name ?? "nothing";
  return (
    <section class="card" aria-label="Worst mistakes">
      <div class="bar">
        <h3>Worst mistakes</h3>
        <span class="gap" />
        <CsvButton
          onClick={() =>
            saveCsv("mistakes", [
              ["image", "file", "true", "predicted", "probability", "loss"],
              ...mistakes.map(({ index, file, label, predicted, probability, loss }) => [
                index,
                file,
                name(label),
                name(predicted),
                probability,
                loss,
              ]),
            ])
          }
        >
          of the worst mistakes
        </CsvButton>
      </div>
      <p class="note">
        The wrong predictions on clean images with the largest loss. Some of these images may have wrong labels.
      </p>
      <ol class="mistakes">
        {mistakes.map(({ index, file, label, predicted, probability, loss, thumbnail }) => (
          <li key={index} title={`${file ?? `image ${index}`}, loss ${short(loss)}`}>
            {thumbnail !== undefined && (
              <img
                loading="lazy"
                onLoad={({ currentTarget: image }) => {
                  image.style.imageRendering = image.naturalWidth > 64 ? "auto" : "pixelated";
                }}
                alt={`${name(label)}, classified as ${name(predicted)}`}
                src={`files/evaluation?run=${encodeURIComponent(run.id)}&name=${encodeURIComponent(thumbnail)}&version=${run.versions.evaluation}`}
              />
            )}
            <span>
              <b>{name(predicted)}</b> {percent(probability, 0)}
            </span>
            <span class="truth">is {name(label)}</span>
            {file !== undefined && <span class="path">{file}</span>}
          </li>
        ))}
      </ol>
    </section>
  );
}
