/** Shared parts of the figures of a page: colours of the page, dashes and text. */
import { escapeHtml } from "./escape.js";

/** Number of series colours in the style of the page. */
const COLOURS = 6;
/** Curves also differ by dashes, for paper without colour and for people who do not see colours. */
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];

export const colour = (i: number): string => `var(--series-${i % COLOURS})`;

/** The attributes of a curve's line. */
export const stroke = (colourNumber: number, dashNumber = colourNumber): string => {
  const dash = DASHES[dashNumber % DASHES.length];
  return `stroke="${colour(colourNumber)}"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`;
};

export const text = (x: number, y: number, words: string, anchor: "start" | "middle" | "end"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escapeHtml(words)}</text>`;
