/** Tables and figures of a page. */

/** A table whose first column is text and whose others are figures. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

export const whole = (value) => value.toFixed(0);
export const percent = (share) => `${(100 * share).toFixed(0)} %`;
/** Three digits. */
export const precise = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
export const times = (value) => `${value.toFixed(2)}x`;
