/** Compares frost made by program with the published photographs of frost: their statistics, and the effect on CIFAR-10. */
import { describe, expect, test } from "vitest";
import { corrupt, SEVERITIES } from "../../src/corruptions/index.js";
import { madeTextures, shrunkTexture } from "../../src/corruptions/operations/frost-texture.js";
import { loadCifar } from "../../src/data/datasets/cifar.js";
import { corruptionConditions } from "../../src/evaluation/suite/condition.js";
import { suiteImages } from "../../src/evaluation/suite/images.js";
import type { RawImage } from "../../src/images/resize.js";
import { testData } from "../support/data.js";

/** Mean and standard deviation of red, green and blue of the five photographs, in grey levels, measured on their files. */
const PUBLISHED = [
  { mean: [78, 149, 166], deviation: [27, 16, 15] },
  { mean: [201, 205, 215], deviation: [21, 22, 23] },
  { mean: [201, 205, 215], deviation: [21, 22, 23] },
  { mean: [138, 153, 166], deviation: [29, 29, 30] },
  { mean: [112, 123, 135], deviation: [44, 43, 42] },
];

/**
 * For the published code with its photographs: mean absolute difference and mean difference from the clean image, at
 * severities 1 to 5 over the first 500 test images of CIFAR-10.
 */
const PUBLISHED_DIFFERENCES = [
  [30.1, 30.1],
  [45.2, 45.2],
  [49.2, 49.1],
  [43.9, 43.6],
  [43.2, 41.1],
];

function statistics({ pixels }: RawImage, channel: number): { mean: number; deviation: number } {
  let sum = 0;
  let squares = 0;
  for (let at = channel; at < pixels.length; at += 3) {
    sum += pixels[at];
    squares += pixels[at] ** 2;
  }
  const count = pixels.length / 3;
  return { mean: sum / count, deviation: Math.sqrt(squares / count - (sum / count) ** 2) };
}

describe("the textures", () => {
  test.each([1, 0.2])("have the statistics of the photographs at %f of their size", (factor) => {
    madeTextures().forEach((texture, i) => {
      const shrunk = shrunkTexture(texture, factor);
      for (const channel of [0, 1, 2]) {
        const { mean, deviation } = statistics(shrunk, channel);
        expect(Math.abs(mean - PUBLISHED[i].mean[channel])).toBeLessThan(0.5);
        expect(Math.abs(deviation - PUBLISHED[i].deviation[channel])).toBeLessThan(0.5);
      }
    });
  });

  test("differ, and repeat at their borders without a visible seam", () => {
    const textures = madeTextures();
    expect(new Set(textures.map(({ pixels }) => Buffer.from(pixels).toString("base64"))).size).toBe(5);
    for (const { pixels, width, height } of textures) {
      const green = (x: number, y: number) => pixels[3 * ((y % height) * width + (x % width)) + 1];
      /** Mean difference of neighbours to the left and right of the line after column x. */
      const step = (x: number) => {
        let sum = 0;
        for (let y = 0; y < height; y++) {
          sum += Math.abs(green(x, y) - green(x + 1, y)) + Math.abs(green(y, x) - green(y, x + 1));
        }
        return sum / height;
      };
      const inside = Array.from({ length: 40 }, (_, k) => step(12 * k));
      expect(step(width - 1)).toBeLessThan(1.2 * Math.max(...inside));
    }
  });

  test("have fine lines like feathers of ice, not only clouds", () => {
    for (const { pixels, width } of madeTextures()) {
      const green = { pixels, width, height: pixels.length / 3 / width };
      const { deviation } = statistics(green, 1);
      // Ratio of the changes over one pixel and over 64. For clouds it is a few hundredths, for noise about one.
      const change = (distance: number) => {
        let sum = 0;
        let count = 0;
        for (let at = 1; at + 3 * distance < pixels.length; at += 3, count++) {
          sum += Math.abs(pixels[at] - pixels[at + 3 * distance]);
        }
        return sum / count / deviation;
      };
      expect(change(1)).toBeGreaterThan(0.1);
      expect(change(1)).toBeLessThan(0.6 * change(64));
    }
  });
});

const cifar = testData("cifar10");

test.skipIf(cifar === undefined)(
  "frost changes the first 500 test images of CIFAR-10 as the published frost does",
  () => {
    const set = loadCifar(cifar!, "test");
    for (const severity of SEVERITIES) {
      let absolute = 0;
      let signed = 0;
      for (let i = 0; i < 500; i++) {
        const clean = set.pixels(i);
        corrupt(clean, 32, 32, "frost", severity, { seed: 0, sample: i }).forEach((value, k) => {
          absolute += Math.abs(value - clean[k]);
          signed += value - clean[k];
        });
      }
      const count = 500 * 32 * 32 * 3;
      const [wantedAbsolute, wantedSigned] = PUBLISHED_DIFFERENCES[severity - 1];
      expect(Math.abs(absolute / count - wantedAbsolute)).toBeLessThan(3);
      expect(Math.abs(signed / count - wantedSigned)).toBeLessThan(3);
    }
  },
);

test("a suite records the version of the frost textures, so that results with older ones are not reused", async () => {
  const batch = { pixels: new Uint8Array(12), labels: new Int32Array(1), samples: new Uint32Array(1) };
  const images = await suiteImages(
    { name: "one", classes: ["a", "b"], imageSize: 2 },
    {
      length: 1,
      batches: () =>
        (async function* () {
          yield { ...batch, height: 2, width: 2 };
        })(),
    },
  );
  const cells = corruptionConditions(images, 0);
  const named = cells.filter(({ protocol }) => "textures" in protocol);
  expect(named.map(({ id }) => id)).toEqual(SEVERITIES.map((severity) => `frost/${severity}`));
  for (const { protocol } of named) expect(protocol.textures).toBe("made by program, version 2");
});
