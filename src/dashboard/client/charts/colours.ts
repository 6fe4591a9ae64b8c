/** Colours of runs and methods: Okabe and Ito's, which colour-blind people tell apart, as in the reports, and two more. */
import { useEffect, useState } from "preact/hooks";
import type { RunSummary } from "../../wire.js";

const LIGHT = ["#0072b2", "#d55e00", "#008f68", "#b0578d", "#7f6000", "#4b45b0", "#4a515c", "#00798a"];
const DARK = ["#56b4e9", "#ff9350", "#2fd1a3", "#e8a3cd", "#f0e442", "#a9a2f5", "#c3c9d1", "#4fd3e0"];

const QUERY = "(prefers-color-scheme: dark)";

/** Whether the reader's system asks for dark pages. */
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

export const colourAt = (place: number, dark: boolean): string => {
  const palette = dark ? DARK : LIGHT;
  return palette[place % palette.length];
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

/** A colour of the page's style. */
export const themed = (element: Element, name: "ink" | "quiet" | "line"): string =>
  getComputedStyle(element).getPropertyValue(`--${name}`);
