/** A model and its predictions for the photo. */
import type { WebModel } from "../../runs/web-models.js";
import type { Answer } from "./protocol.js";
import { factsOf, letterOf, milliseconds, percent } from "./words.js";

interface Properties {
  readonly model: WebModel;
  readonly index: number;
  /** The prediction for the photo without corruption. */
  readonly clean: Answer | undefined;
  /** The prediction for the photo with the corruptions of the sliders. */
  readonly now: Answer | undefined;
  readonly corrupted: boolean;
}

export function ModelCard({ model, index, clean, now, corrupted }: Properties) {
  return (
    <section class={`card model model-${index}`} aria-label={model.name}>
      <h2>
        <span class="badge" aria-hidden="true">
          {letterOf(index)}
        </span>
        {model.name}
      </h2>
      <p class="quiet facts">{factsOf(model).join(" · ")}</p>
      {now === undefined || clean === undefined ? (
        <p class="quiet waiting">The prediction appears here.</p>
      ) : (
        <>
          <Change clean={clean} now={now} corrupted={corrupted} />
          <ol class="bars">
            {now.predictions.map(({ class: name, probability }) => (
              <li key={name}>
                <span class="name">{name}</span>
                <span class="share">{percent(probability)}</span>
                <span class="track" aria-hidden="true">
                  <span class="bar" style={{ width: `${100 * probability}%` }} />
                </span>
              </li>
            ))}
          </ol>
          <p class="quiet time">classified in {milliseconds(now.milliseconds)}</p>
        </>
      )}
    </section>
  );
}

/** Whether the corruption changed the model's prediction. */
function Change({ clean, now, corrupted }: Pick<Properties, "corrupted"> & Record<"clean" | "now", Answer>) {
  const [before] = clean.predictions;
  const holds = before.class === now.predictions[0].class;
  const mark = holds ? "✓ unchanged" : "✕ changed";
  return (
    <p class="change">
      <span class="quiet">
        Clean photo: {before.class}, {percent(before.probability)}
      </span>
      {corrupted && <strong class={holds ? "mark" : "mark lost"}>{mark}</strong>}
    </p>
  );
}
