/** Every operation of the augmentation policies against Pillow's: see make_augmentation.py. */
import { expect, test } from "vitest";
import type { RgbImage } from "../../src/images/augmentation/auto-augment-operations.js";
import { applyPolicyOperation, type PolicyOperationName } from "../../src/images/augmentation/policy-operations.js";
import { readGolden } from "../support/golden.js";

const golden = readGolden("augmentation.safetensors");
const [HEIGHT, WIDTH] = [21, 26];
const image = (): RgbImage => ({ pixels: Uint8Array.from(golden.numbers("image")), height: HEIGHT, width: WIDTH });

test.each(golden.names.filter((name) => name !== "image"))("%s is within one grey level of Pillow's", (key) => {
  const [name, value, interpolation] = key.split("/") as [PolicyOperationName, string, "bilinear" | undefined];
  const changed = image();
  applyPolicyOperation(changed, { name, value: Number(value) }, interpolation ?? "nearest");
  const expected = golden.numbers(key);
  const differences = [...changed.pixels].map((pixel, i) => Math.abs(pixel - expected[i]));
  expect(differences.filter((difference) => difference > 1)).toEqual([]);
});

test("each operation of the golden values is one of its own, and leaves its image's neighbours alone", () => {
  const texts = new Set(golden.names.map((name) => String(golden.numbers(name))));
  // Factor 1, eight bits and the threshold 256 leave the image; the posterised, inverted and moved ones differ.
  const unchanged = golden.names.filter((name) => String(golden.numbers(name)) === String(golden.numbers("image")));
  expect(unchanged.sort()).toEqual(
    ["Brightness/1", "Color/1", "Contrast/1", "Posterize/8", "Sharpness/1", "Solarize/256", "image"].sort(),
  );
  expect(texts.size).toBeGreaterThan(40);
});
