/** The layout of a picture of images is found again from its size. */
import { expect, test } from "vitest";
import { gridPng, readGrid } from "../../src/figures/grid.js";
import { gridLayout } from "../../src/figures/grid-layout.js";

test.each([1, 3])(
  "a picture with zoom %i has the images that it was made of, for any number of columns",
  async (zoom) => {
    for (const side of [1, 4, 31]) {
      for (let columns = 1; columns <= 5; columns++) {
        const image = (i: number) => Uint8Array.from({ length: 3 * side * side }, (_, j) => (7 * i + j) % 251);
        const rows = [0, 1, 2].map((row) => Array.from({ length: columns }, (_, column) => image(10 * row + column)));
        const found = await readGrid(await gridPng(rows, side, zoom), 3);
        expect([found?.side, found?.images]).toEqual([side, rows]);
      }
    }
  },
);

test("three columns of enlarged images have gaps", () => {
  // Three images of 32 x 32 pixels, enlarged three times: 3 * (96 + 3) + 3.
  expect(gridLayout(300, 300, 3)).toEqual({ zoom: 3, side: 32, cell: 99, columns: 3 });
  expect(gridLayout(301, 299, 3)).toBeUndefined();
});
