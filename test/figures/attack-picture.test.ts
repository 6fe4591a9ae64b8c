/** The picture of an attack: its panels show the images, and the middle one the magnified perturbation. */
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { attackPicture, magnification } from "../../src/figures/attack-picture.js";

const SIDE = 8;
const PANEL = 336;
const LEFTS = [36, 432, 828];
const TOP = 92;

const image = (value: (i: number) => number) => Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => value(i));

describe("the picture of an attack", () => {
  const original = image((i) => 50 + (i % 100));
  // One corner is lighter, another one is darker, the other pixels are unchanged.
  const adversarial = original.map((byte, i) => byte + (i < 3 ? 4 : i >= original.length - 3 ? -4 : 0));
  const route = (name: string, seen: string) => ({
    route: name,
    attacked: name === "main",
    original: [{ class: "panda", probability: 0.577 }],
    adversarial: [{ class: seen, probability: 0.993 }],
  });

  async function drawn(routes = [route("main", "gibbon"), route("aux", "panda")]) {
    const options = { title: "a <b> & c", subtitle: "x", side: SIDE, original, adversarial, epsilon: 4, routes };
    const { data, info } = await sharp(await attackPicture(options))
      .raw()
      .toBuffer({ resolveWithObject: true });
    /** The colour at the centre of an image's pixel in a panel. */
    const pixel = (panel: number, row: number, column: number) => {
      const middle = (at: number) => Math.floor((at + 0.5) * (PANEL / SIDE));
      const start = ((TOP + middle(row)) * info.width + LEFTS[panel] + middle(column)) * info.channels;
      return [...data.subarray(start, start + 3)];
    };
    return { info, pixel };
  }

  test("shows the pixels of both images", async () => {
    const { pixel } = await drawn();
    for (const [panel, pixels] of [
      [0, original],
      [2, adversarial],
    ] as const) {
      for (const place of [0, 9, SIDE * SIDE - 1]) {
        const expected = [...pixels.subarray(3 * place, 3 * place + 3)];
        expect(pixel(panel, Math.floor(place / SIDE), place % SIDE)).toEqual(expected);
      }
    }
  });

  test("shows no change as grey, and the largest changes as white and black", async () => {
    expect(magnification(4)).toBe(31.75);
    const { pixel } = await drawn();
    expect(pixel(1, 3, 3)).toEqual([128, 128, 128]);
    expect(pixel(1, 0, 0)).toEqual([255, 255, 255]);
    expect(pixel(1, SIDE - 1, SIDE - 1)).toEqual([1, 1, 1]);
  });

  test("grows with each route", async () => {
    const [two, one] = [await drawn(), await drawn([route("main", "gibbon")])];
    expect(two.info.width).toBe(one.info.width);
    expect(two.info.height).toBeGreaterThan(one.info.height + 50);
  });
});
