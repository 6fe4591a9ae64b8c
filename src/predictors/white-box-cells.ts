/** The cells of a suite in which our own models are attacked through their gradients. */
import { pgd } from "../attacks/pgd.js";
import { linf } from "../attacks/threat-model.js";
import type { PixelBatch } from "../data/loader.js";
import type { Predictor } from "../evaluation/predictor.js";
import { type Cell, SWEPT_EPSILONS } from "../evaluation/suite/cell.js";
import type { SuiteImages } from "../evaluation/suite/images.js";
import { attackImages } from "../training/snapshots.js";
import { attackedPredictor } from "./classifier-predictor.js";
import type { WhiteBoxPredictor } from "./opened.js";

const STEPS = 10;

/** PGD-10, untargeted, from a random start, steps of a quarter of the radius. */
const pgd10 = (epsilon: number) =>
  pgd({ threatModel: linf(epsilon), stepSize: epsilon / 4, steps: STEPS, target: "none", randomStart: true });

/** PGD-10 in the L-infinity ball at each swept radius, on the images at some places. */
export function whiteBoxCells(images: SuiteImages, places: Uint32Array, seed: number): Cell[] {
  return SWEPT_EPSILONS.map((epsilon) => ({
    id: `pgd-10/${Math.round(255 * epsilon)}`,
    protocol: { attack: "pgd", norm: "linf", epsilon, stepSize: epsilon / 4, steps: STEPS, randomStart: true, seed },
    places,
    attack: { name: "PGD-10", epsilon, access: "white-box" },
    // A step is a pass forward and one backward, which costs twice as much.
    passes: 3 * STEPS + 1,
    batches: () => images.batches(places),
    asked: (model) =>
      isWhiteBox(model)
        ? attackedPredictor(model.classifier, { route: model.route, attack: pgd10(epsilon), seed })
        : undefined,
  }));
}

/** What PGD-10 makes of some images, rounded to 8 bits: (H, W, 3) each. */
export const pgd10Images = (
  { classifier, route }: WhiteBoxPredictor,
  pixels: PixelBatch,
  epsilon: number,
  seed: number,
): Uint8Array[] =>
  attackImages({ model: classifier, attack: pgd10(epsilon), route, fullRange: epsilon, seed, pixels })[2];

/** Whether gradients flow through a predictor. */
export const isWhiteBox = (predictor: Predictor): predictor is WhiteBoxPredictor =>
  "access" in predictor && predictor.access === "white-box";
