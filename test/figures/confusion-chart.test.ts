/** Pictures of confusion matrices with a few to thousands of classes. */
import sharp from "sharp";
import { expect, test } from "vitest";
import { confusionPng } from "../../src/figures/confusion-chart.js";

/** Offset of the matrix, and the side of its squares. */
const ORIGIN = 150;

/** All images are classified correctly, except half of the images of class `from`, which are classified as `to`. */
async function draw(classes: number, [from, to]: readonly [number, number]) {
  const counts = Array.from({ length: classes }, (_, k) => [k, k, k === from ? 5 : 10] as const);
  const names = Array.from({ length: classes }, (_, k) => `<class> & ${k}\u0001\uffff`);
  const png = await confusionPng(names, [...counts, [from, to, 5]]);
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  /** Red, green and blue at the centre of a square. */
  const square = (row: number, column: number, side: number): number[] => {
    const [x, y] = [column, row].map((place) => ORIGIN + place * side + Math.floor(side / 3));
    return [...data.subarray((y * info.width + x) * info.channels, (y * info.width + x) * info.channels + 3)];
  };
  return { ...info, square, bytes: png.length };
}

const [RIGHT, GROUND] = [
  [56, 148, 88],
  [247, 247, 247],
];

test.each([
  [2, 44, 1],
  [10, 44, 1],
  [100, 14, 1],
  [200, 7, 1],
  [998, 7, 5],
  [999, 7, 5],
  [1000, 7, 5],
  [8000, 7, 40],
])("%i classes: squares of %i pixels for %i classes show what is taken for what", async (classes, side, shared) => {
  const [from, to] = [0, classes - 1];
  const { width, height, square, bytes } = await draw(classes, [from, to]);
  const squares = Math.ceil(classes / shared);
  expect([width, height]).toEqual([150 + squares * side + 110, 150 + squares * side + 20]);
  expect(bytes).toBeLessThan(400_000);
  expect(square(squares - 1, squares - 1, side)).toEqual(RIGHT);
  expect(square(squares - 1, 0, side)).toEqual(GROUND);
  // One of the classes that share the square has half of its images wrong; shaded by the square root.
  const shade = Math.sqrt(0.5 / shared);
  const mixed = [176, 84, 64].map((full, c) => Math.round(GROUND[c] + shade * (full - GROUND[c])));
  expect(square(0, squares - 1, side)).toEqual(mixed);
});

test("a mistake between classes that share a square does not count as right", async () => {
  const { square } = await draw(1000, [0, 1]);
  const shade = Math.sqrt(45 / 50);
  expect(square(0, 0, 7)).toEqual(RIGHT.map((full, c) => Math.round(GROUND[c] + shade * (full - GROUND[c]))));
});
