/** Common parts of the figures of a page: colours of the page's style, dashes, text. */
import { SERIES_COLOURS } from "../../figures/series-colours.js";
import { escapeHtml } from "./escape.js";

/** Curves also differ by dash, for paper without colour and for readers who cannot distinguish colours. */
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];

export const colour = (i: number): string => `var(--series-${i % SERIES_COLOURS.light.length})`;

/** The attributes of a curve's line. */
export const stroke = (colourNumber: number, dashNumber = colourNumber): string => {
  const dash = DASHES[dashNumber % DASHES.length];
  return `stroke="${colour(colourNumber)}"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`;
};

export const text = (x: number, y: number, words: string, anchor: "start" | "middle" | "end"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escapeHtml(words)}</text>`;
