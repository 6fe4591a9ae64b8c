/** A confusion matrix as a picture. */
import sharp from "sharp";
import { escapeXml, FONT } from "./chart.js";

/** Most characters of a class name that are shown. */
const NAME_LENGTH = 18;

/**
 * The matrix with its rows, the true classes, shaded by the share of each prediction, and its counts where they fit.
 *
 * @param matrix  K rows by true class of counts by predicted class
 * @returns       the bytes of a PNG
 */
export async function confusionPng(
  classes: readonly string[],
  matrix: readonly (readonly number[])[],
): Promise<Buffer> {
  const cell = Math.max(6, Math.min(44, Math.floor(800 / classes.length)));
  const left = 150;
  const top = 130;
  const size = cell * classes.length;
  const short = (name: string) => escapeXml(name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name);
  const fontSize = Math.max(6, Math.min(12, cell - 2));
  const cells = matrix.flatMap((row, i) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, j) => {
      const share = total === 0 ? 0 : count / total;
      const [x, y] = [left + j * cell, top + i * cell];
      const colour = `hsl(${i === j ? 140 : 10} 45% ${97 - 57 * share}%)`;
      const number =
        cell >= 22 && count > 0
          ? `<text x='${x + cell / 2}' y='${y + cell / 2 + 4}' text-anchor='middle' fill='${share > 0.55 ? "white" : "#333"}'>${count}</text>`
          : "";
      return `<rect x='${x}' y='${y}' width='${cell - 1}' height='${cell - 1}' fill='${colour}'/>${number}`;
    });
  });
  const names = classes.flatMap((name, i) => {
    const middle = i * cell + cell / 2;
    const across = `translate(${left + middle + 4} ${top - 8}) rotate(-55)`;
    return [
      `<text x='${left - 8}' y='${top + middle + 4}' text-anchor='end'>${short(name)}</text>`,
      `<text transform='${across}'>${short(name)}</text>`,
    ];
  });
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' width='${left + size + 90}' height='${top + size + 20}'>
    <rect width='100%' height='100%' fill='white'/>
    <g ${FONT} font-size='${fontSize}' fill='#333'>
      <text x='12' y='20' font-size='13' font-weight='bold'>True class by row, predicted class by column</text>
      ${cells.join("")}${names.join("")}
    </g>
  </svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}
