/** What the figures of a page have in common: colours from the page, dashes, text. */
import { escapeHtml } from "./escape.js";

/** Colours of series that the page's style defines. */
const COLOURS = 6;
/** Curves differ by dash as well, for paper without colour and for eyes that do not see it. */
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];

export const colour = (i: number): string => `var(--series-${i % COLOURS})`;

/** The attributes of a curve's line. */
export const stroke = (colourNumber: number, dashNumber = colourNumber): string => {
  const dash = DASHES[dashNumber % DASHES.length];
  return `stroke="${colour(colourNumber)}"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`;
};

export const text = (x: number, y: number, words: string, anchor: "start" | "middle" | "end"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escapeHtml(words)}</text>`;
