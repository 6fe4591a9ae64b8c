/**
 * Draws docs/images/shapes.png: three rows of training images of the built-in set, the first row stylised, and the first
 * row under ten corruptions of severity 3; one column per class, 64 pixels.
 *
 *     npm run build && node scripts/draw-shapes.mjs
 */

import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { CORRUPTIONS, corrupt } from "../dist/corruptions/index.js";
import { shapesDataset } from "../dist/data/shapes/shapes.js";

const SIZE = 64;
const STEP = SIZE + 2;
const COLUMNS = 10;
const options = { split: "train", count: 3 * COLUMNS, size: SIZE, seed: 0 };
const clean = shapesDataset(options);
const stylised = shapesDataset({ ...options, variant: "stylised" });
/** Without the weaker ones, which hardly show at this size. */
const shown = CORRUPTIONS.filter(
  (name) => !["shot_noise", "brightness", "pixelate", "defocus_blur", "zoom_blur"].includes(name),
);

const images = [
  ...Array.from({ length: 3 * COLUMNS }, (_, i) => clean.pixels(i)),
  ...Array.from({ length: COLUMNS }, (_, i) => stylised.pixels(i)),
  ...shown.map((name, sample) => corrupt(clean.pixels(sample), SIZE, SIZE, name, 3, { seed: 0, sample })),
];
const parts = images.map((pixels, i) => ({
  input: Buffer.from(pixels),
  raw: { width: SIZE, height: SIZE, channels: 3 },
  left: (i % COLUMNS) * STEP,
  top: Math.floor(i / COLUMNS) * STEP,
}));
const path = fileURLToPath(new URL("../docs/images/shapes.png", import.meta.url));
await sharp({ create: { width: COLUMNS * STEP - 2, height: 5 * STEP - 2, channels: 3, background: "white" } })
  .composite(parts)
  .png({ palette: true, colours: 192, effort: 10 })
  .toFile(path);
console.log(path);
