/** The whole page. */
import { useEffect, useState } from "preact/hooks";
import { ModelCard } from "./model-card.js";
import { PhotoCard } from "./photo-card.js";
import { Sliders } from "./sliders.js";
import { useClassifier } from "./use-classifier.js";
import { isClean, megabytes, percent } from "./words.js";

export function App() {
  const { models = [], ready, busy, problem, severities, shown, show, setSeverities } = useClassifier();
  const dragging = useDroppedPhotos(show);
  return (
    <main aria-busy={busy}>
      <header class="top">
        <h1>{models.length > 1 ? "Two classifiers, one photo" : "Classify a photo"}</h1>
        <p class="quiet">
          {models.length > 1 && "Move the sliders and see which of the two keeps its prediction. "}
          The photo stays on this device. Everything is computed here, and nothing is sent.
        </p>
      </header>
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {!ready && problem === undefined && (
        <p class="loading" role="status">
          Loading {models.length > 0 ? `${models.map(({ name }) => name).join(" and ")}, ${megabytes(models)}` : ""} …
        </p>
      )}
      <div class={`columns of-${models.length}`}>
        <PhotoCard shown={shown} dragging={dragging} onPhoto={show} />
        <Sliders severities={severities} onChange={setSeverities} />
        <div class="models">
          {models.map((model, i) => (
            <ModelCard
              key={model.file}
              model={model}
              index={i}
              clean={shown?.clean.answers[i]}
              now={shown?.now.answers[i]}
              corrupted={!isClean(severities)}
            />
          ))}
        </div>
      </div>
      <p class="hidden" role="status">
        {shown?.now.answers
          .map(({ predictions: [first] }, i) => `${models[i].name}: ${first.class}, ${percent(first.probability, 0)}.`)
          .join(" ")}
      </p>
      <footer class="quiet">
        The corruptions and their severities, 1 to 5, are those of ImageNet-C. They are applied in this order to the
        square that the network sees.
      </footer>
    </main>
  );
}

/** Handles photos that are dropped anywhere on the page, or pasted. @returns whether a photo is being dragged over the page */
function useDroppedPhotos(show: (photo: File | undefined) => void): boolean {
  const [dragging, setDragging] = useState(false);
  useEffect(() => {
    const over = (event: DragEvent): void => {
      event.preventDefault();
      setDragging(true);
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setDragging(false);
    };
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      setDragging(false);
      show(event.dataTransfer?.files[0]);
    };
    const paste = (event: ClipboardEvent): void => show(event.clipboardData?.files[0]);
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("drop", drop);
      document.removeEventListener("paste", paste);
    };
  });
  return dragging;
}
