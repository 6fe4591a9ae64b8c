/** The quickstart's picture: training curves of both methods, and adversarial examples with the network's predictions. */
import sharp from "sharp";
import { escapeXml, FONT, lineChart } from "../../figures/chart.js";
import { gridPng } from "../../figures/grid.js";

/** The training curves of a method. */
export interface MethodCurve {
  readonly name: string;
  readonly colour: string;
  /** By epoch, from 1. */
  readonly loss: readonly number[];
  readonly validationAccuracy: readonly number[];
}

/**
 * An image, its perturbation and its adversarial version, uint8 HWC RGB, and the predictions of AdvProp's network for the adversarial image.
 */
export interface AdversarialExample {
  readonly clean: Uint8Array;
  readonly perturbation: Uint8Array;
  readonly adversarial: Uint8Array;
  readonly label: string;
  /** The predicted class of the adversarial image, through each route. */
  readonly main: string;
  readonly auxiliary: string;
}

const WIDTH = 980;
const CHART = { width: WIDTH / 2 - 10, height: 270 };
const LABELS = 110;
const RIGHT = "#2a7d2a";
const WRONG = "#b3261e";

/** The picture as a PNG. */
export async function drawQuickstart(
  curves: readonly MethodCurve[],
  examples: readonly AdversarialExample[],
  side: number,
  epsilon: string,
): Promise<Buffer> {
  const zoom = Math.max(1, Math.floor((WIDTH - LABELS) / examples.length / (side + 1)));
  const cell = (side + 1) * zoom;
  const rows = [
    examples.map(({ clean }) => clean),
    examples.map(({ perturbation }) => perturbation),
    examples.map(({ adversarial }) => adversarial),
  ];
  const grid = (await gridPng(rows, side, zoom)).toString("base64");
  const gridSize = { width: examples.length * cell + zoom, height: rows.length * cell + zoom };
  const top = CHART.height + 50;
  const height = top + gridSize.height + 70;

  const points = (values: readonly number[]) => values.map((y, i) => [i + 1, y] as const);
  const chart = (
    title: string,
    legend: "left" | "right",
    of: (curve: MethodCurve) => readonly number[],
    format: (y: number) => string,
  ) =>
    lineChart({
      ...CHART,
      title,
      legend,
      xLabel: "epoch",
      format,
      series: curves.map((curve) => ({ name: curve.name, colour: curve.colour, points: points(of(curve)) })),
    });
  const label = (words: string, y: number) =>
    `<text x='${LABELS - 10}' y='${y}' text-anchor='end'>${escapeXml(words)}</text>`;
  const predicted = examples.map(({ label: truth, main, auxiliary }, i) => {
    const x = LABELS + i * cell + cell / 2;
    const line = (words: string, dy: number, colour: string) =>
      `<text x='${x}' y='${top + gridSize.height + dy}' text-anchor='middle' fill='${colour}'>${escapeXml(words)}</text>`;
    const colour = (word: string) => (word === truth ? RIGHT : WRONG);
    return line(truth, 16, "#333") + line(main, 34, colour(main)) + line(auxiliary, 52, colour(auxiliary));
  });
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='${WIDTH}' height='${height}'>
    <rect width='100%' height='100%' fill='white'/>
    ${chart(
      "Clean training loss",
      "right",
      ({ loss }) => loss,
      (y) => y.toFixed(1),
    )}
    <g transform='translate(${WIDTH / 2 + 10} 0)'>
      ${chart(
        "Validation accuracy",
        "left",
        ({ validationAccuracy }) => validationAccuracy,
        (y) => `${(100 * y).toFixed(0)} %`,
      )}
    </g>
    <g ${FONT} font-size='11' fill='#333'>
      <text x='${LABELS}' y='${top - 14}' font-size='13' font-weight='bold'>${escapeXml(`Attacks on AdvProp's network through its auxiliary batch norms, epsilon ${epsilon}`)}</text>
      ${label("clean", top + cell / 2)}${label("perturbation,", top + 1.5 * cell - 6)}${label("magnified", top + 1.5 * cell + 8)}
      ${label("adversarial", top + 2.5 * cell)}${label("class", top + gridSize.height + 16)}
      ${label("main predicts", top + gridSize.height + 34)}${label("auxiliary predicts", top + gridSize.height + 52)}
      ${predicted.join("")}
    </g>
    <image x='${LABELS}' y='${top}' width='${gridSize.width}' height='${gridSize.height}' xlink:href='data:image/png;base64,${grid}'/>
  </svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}
