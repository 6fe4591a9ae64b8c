/** The photo as the networks see it, and the ways to choose another. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { View } from "./protocol.js";
import type { Shown } from "./use-classifier.js";
import { letterOf } from "./words.js";

interface Properties {
  readonly shown: Shown | undefined;
  readonly dragging: boolean;
  onPhoto(photo: File | undefined): void;
}

export function PhotoCard({ shown, dragging, onPhoto }: Properties) {
  const views = shown?.now.views ?? [];
  return (
    <div class={`card photo${dragging ? " dragging" : ""}`}>
      {shown ? (
        <div class="views">
          {views.map((view, i) => (
            <figure key={i}>
              <Picture view={view} name={shown.name} />
              <figcaption class="quiet">
                what {viewers(shown, i)}, {view.side}&nbsp;×&nbsp;{view.side} pixels
              </figcaption>
            </figure>
          ))}
        </div>
      ) : (
        <div class="invitation">
          <svg viewBox="0 0 48 48" aria-hidden="true">
            <rect x="4" y="8" width="40" height="32" rx="5" />
            <circle cx="16" cy="19" r="4" />
            <path d="M5 36 18 26l8 6 8-9 10 10" />
          </svg>
          <p>
            Drop a photo here, paste one,
            <br />
            or choose one.
          </p>
        </div>
      )}
      <PhotoInput onPhoto={onPhoto}>{shown ? "Another photo" : "Choose a photo"}</PhotoInput>
    </div>
  );
}

/** The models that see a view, as text. */
function viewers({ now: { views, answers } }: Shown, view: number): string {
  if (views.length > 1)
    return `${answers.flatMap((answer, i) => (answer.view === view ? [letterOf(i)] : [])).join()} sees`;
  return answers.length > 1 ? "both networks see" : "the network sees";
}

function Picture({ view: { side, pixels }, name }: { readonly view: View; readonly name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new ImageData(side, side);
    for (let i = 0; i < side * side; i++) {
      image.data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
      image.data[4 * i + 3] = 255;
    }
    canvas.current?.getContext("2d")?.putImageData(image, 0, 0);
  }, [side, pixels]);
  return <canvas ref={canvas} width={side} height={side} role="img" aria-label={`${name}, as the network sees it`} />;
}

function PhotoInput({ onPhoto, children }: Pick<Properties, "onPhoto"> & { readonly children: ComponentChildren }) {
  return (
    <label class="button">
      {children}
      <input
        type="file"
        class="hidden"
        accept="image/jpeg,image/png,image/webp,image/avif,image/gif"
        onChange={({ currentTarget }) => {
          if (currentTarget.files?.length) onPhoto(currentTarget.files[0]);
          // Lets the user choose the same file again.
          currentTarget.value = "";
        }}
      />
    </label>
  );
}
