/** Colours of runs and methods, the same as in reports. */
import { useEffect, useState } from "preact/hooks";
import { SERIES_COLOURS } from "../../../figures/series-colours.js";
import type { RunSummary } from "../../wire.js";

const QUERY = "(prefers-color-scheme: dark)";

/** Whether the reader's system prefers dark pages. */
export function useDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia(QUERY).matches);
  useEffect(() => {
    const media = matchMedia(QUERY);
    const follow = () => setDark(media.matches);
    media.addEventListener("change", follow);
    return () => media.removeEventListener("change", follow);
  }, []);
  return dark;
}

export const colourAt = (index: number, dark: boolean): string => {
  const palette = dark ? SERIES_COLOURS.dark : SERIES_COLOURS.light;
  return palette[index % palette.length];
};

/** The colour of each selected run: its own, or that of its method. */
export function runColours(
  runs: readonly RunSummary[],
  by: "run" | "method",
  dark: boolean,
): ReadonlyMap<string, string> {
  const methods = [...new Set(runs.map(({ method }) => method))];
  return new Map(
    runs.map((run, i) => [run.id, colourAt(by === "run" ? i : methods.indexOf(run.method), dark)] as const),
  );
}

/** A colour of the page's style sheet. */
export const themed = (element: Element, name: "ink" | "quiet" | "line"): string =>
  getComputedStyle(element).getPropertyValue(`--${name}`);
