/** A picture of an attack: the photo, the perturbation and their sum, with the predictions of a classifier. */
import sharp from "sharp";
import { escapeXml, FONT } from "./chart.js";

interface Shown {
  readonly class: string;
  /** In [0, 1]. */
  readonly probability: number;
}

export interface AttackPictureOptions {
  readonly title: string;
  readonly subtitle: string;
  /** Side of the images in pixels. */
  readonly side: number;
  /** (side, side, 3) bytes */
  readonly original: Uint8Array;
  readonly adversarial: Uint8Array;
  /** The largest difference between two bytes. */
  readonly epsilon: number;
  /** Predictions through each route, the most probable class first. */
  readonly routes: readonly {
    readonly route: string;
    /** Whether it is the route that was attacked. */
    readonly attacked: boolean;
    readonly original: readonly Shown[];
    readonly adversarial: readonly Shown[];
  }[];
}

const PANEL = 336;
const GAP = 60;
const MARGIN = 36;
const TOP = 92;
const CAPTION = 34;
const ROW = 24;
const ROUTE = 40;
const WIDTH = 2 * MARGIN + 3 * PANEL + 2 * GAP;
/** Left edges of the three panels. */
const COLUMNS = [0, 1, 2].map((i) => MARGIN + i * (PANEL + GAP));
/** Bars: left edge relative to the panel, and length at 100 %. */
const BAR = { left: 156, length: 112 };
const NAME_LENGTH = 21;

const INK = "#1f2933";
const FAINT = "#7b8794";
const COLOURS = { original: "#2f855a", adversarial: "#c53030", other: "#cbd2d9" };

/** The factor by which the perturbation is magnified. The largest change becomes black or white: 255 / (2 epsilon). */
export const magnification = (epsilon: number): number => 127 / epsilon;

/** @returns the bytes of a PNG */
export async function attackPicture(options: AttackPictureOptions): Promise<Buffer> {
  const { side, original, adversarial, epsilon, routes } = options;
  const factor = magnification(epsilon);
  // Grey means no change.
  const perturbation = original.map((byte, i) => Math.round(128 + factor * (adversarial[i] - byte)));
  const rows = Math.max(...routes.map((one) => one.original.length));
  const block = ROUTE + rows * ROW + 10;
  const height = TOP + PANEL + CAPTION + routes.length * block + MARGIN - 10;
  const panels = await Promise.all([original, perturbation, adversarial].map((image) => enlarged(image, side)));
  const middle = TOP + PANEL / 2;
  const captions = [
    "original",
    `perturbation, magnified ${factor.toFixed(factor < 10 ? 1 : 0)} times (at most ${epsilon}/255)`,
    "adversarial",
  ];
  const texts = [
    `<text x='${MARGIN}' y='42' font-size='21' font-weight='bold'>${escapeXml(short(options.title, 84))}</text>`,
    `<text x='${MARGIN}' y='68' font-size='14' fill='${FAINT}'>${escapeXml(short(options.subtitle, 140))}</text>`,
    ...captions.map((words, i) => centred(COLUMNS[i] + PANEL / 2, TOP + PANEL + 24, words, "font-size='14'")),
    ...["+", "="].map((sign, i) =>
      centred(COLUMNS[i] + PANEL + GAP / 2, middle + 14, sign, `font-size='42' fill='${FAINT}'`),
    ),
    ...routes.flatMap((one, i) => routeBlock(one, TOP + PANEL + CAPTION + i * block, rows)),
  ];
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' width='${WIDTH}' height='${height}'>
    <g ${FONT} font-size='13' fill='${INK}'>${texts.join("")}</g>
  </svg>`;
  return sharp({ create: { width: WIDTH, height, channels: 3, background: "white" } })
    .composite([
      ...panels.map((input, i) => ({ input, left: COLUMNS[i], top: TOP })),
      { input: Buffer.from(svg), left: 0, top: 0 },
    ])
    .png()
    .toBuffer();
}

/** Resizes an image to a panel. The pixels of small images stay visible. */
function enlarged(pixels: Uint8Array, side: number): Promise<Buffer> {
  const kernel = side * 3 <= PANEL ? "nearest" : "lanczos3";
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .resize(PANEL, PANEL, { kernel })
    .png()
    .toBuffer();
}

type Route = AttackPictureOptions["routes"][number];

/** The bars of a route below the first and the last panel. Between them the text tells whether the class changed. */
function routeBlock({ route, attacked, original, adversarial }: Route, top: number, rows: number): string[] {
  const [before, after] = [original[0].class, adversarial[0].class];
  const line = top + 12;
  const title = `through the ${route} batch norms${attacked ? ", which were attacked" : ""}`;
  const centre = COLUMNS[1] + PANEL / 2;
  const verdict = before === after ? `still ${short(after, 34)}` : `${short(before, 17)} → ${short(after, 17)}`;
  const colour = before === after ? COLOURS.original : COLOURS.adversarial;
  return [
    `<line x1='${MARGIN}' x2='${WIDTH - MARGIN}' y1='${line}' y2='${line}' stroke='#e4e7eb'/>`,
    centred(centre, top + ROUTE + (rows * ROW) / 2 - 8, title, `font-size='13' fill='${FAINT}'`),
    centred(centre, top + ROUTE + (rows * ROW) / 2 + 16, verdict, `font-size='16' font-weight='bold' fill='${colour}'`),
    ...bars(original, COLUMNS[0], top + ROUTE, before),
    ...bars(adversarial, COLUMNS[2], top + ROUTE, before),
  ];
}

/** A line for each class. The original class is green, and another first class is red. */
function bars(predictions: readonly Shown[], left: number, top: number, own: string): string[] {
  return predictions.flatMap(({ class: name, probability }, i) => {
    const y = top + i * ROW;
    const colour = name === own ? COLOURS.original : i === 0 ? COLOURS.adversarial : COLOURS.other;
    const weight = i === 0 ? "font-weight='bold'" : "";
    const length = Math.max(1, BAR.length * probability).toFixed(1);
    return [
      `<text x='${left + BAR.left - 10}' y='${y + 15}' text-anchor='end' ${weight}>${escapeXml(short(name, NAME_LENGTH))}</text>`,
      `<rect x='${left + BAR.left}' y='${y + 3}' width='${length}' height='${ROW - 8}' rx='2' fill='${colour}'/>`,
      `<text x='${left + PANEL}' y='${y + 15}' text-anchor='end' ${weight}>${(100 * probability).toFixed(1)} %</text>`,
    ];
  });
}

const centred = (x: number, y: number, words: string, attributes: string): string =>
  `<text x='${x}' y='${y}' text-anchor='middle' ${attributes}>${escapeXml(words)}</text>`;

const short = (name: string, most: number): string => (name.length > most ? `${name.slice(0, most - 1)}…` : name);
