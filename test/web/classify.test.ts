/** Computations of the page of `exportWeb` apart from the network. */
import { describe, expect, test } from "vitest";
import { corrupt } from "../../src/corruptions/index.js";
import { cutCentre } from "../../src/images/centre-cut.js";
import { decodeImage } from "../../src/images/decode.js";
import { formatOf } from "../../src/images/file-format.js";
import { corrupted, NO_CORRUPTION, SLIDERS } from "../../src/web/classify/corruptions.js";
import { squareOf, withoutAlpha } from "../../src/web/classify/square.js";
import { factsOf, isClean, milliseconds } from "../../src/web/classify/words.js";
import { picture } from "../support/photos.js";

const SIDE = 32;
const image = await picture(3, SIDE, SIDE).raw().toBuffer();

describe("sliders", () => {
  test("at 0 do not change the image", () => {
    expect(corrupted(image, SIDE, NO_CORRUPTION)).toEqual(image);
    expect(isClean(NO_CORRUPTION)).toBe(true);
  });

  test.each(SLIDERS)("$label applies the corruption $corruption, always with the same result", ({ corruption }) => {
    const before = Uint8Array.from(image);
    const severities = { ...NO_CORRUPTION, [corruption]: 4 };
    const expected = corrupt(image, SIDE, SIDE, corruption, 4, { seed: 0, sample: 0 });
    expect(corrupted(image, SIDE, severities)).toEqual(expected);
    expect(corrupted(image, SIDE, severities)).toEqual(expected);
    expect(expected).not.toEqual(before);
    expect(Uint8Array.from(image)).toEqual(before);
    expect(isClean(severities)).toBe(false);
  });

  test("are applied one after the other in their order", () => {
    const key = { seed: 0, sample: 0 };
    const blurred = corrupt(image, SIDE, SIDE, "gaussian_blur", 2, key);
    const noisy = corrupt(blurred, SIDE, SIDE, "gaussian_noise", 3, key);
    const expected = corrupt(noisy, SIDE, SIDE, "jpeg_compression", 1, key);
    const severities = { ...NO_CORRUPTION, jpeg_compression: 1, gaussian_noise: 3, gaussian_blur: 2 };
    expect(corrupted(image, SIDE, severities)).toEqual(expected);
  });
});

test.each([
  [90, 61, 0.875, "bicubic"],
  [57, 80, 1, "bilinear"],
  [20, 400, 0.875, "bicubic"],
] as const)(
  "a photo of %i x %i becomes the square of evaluation",
  async (width, height, cropFraction, interpolation) => {
    const bytes = await picture(1, width, height).png().toBuffer();
    const expected = new Uint8Array(SIDE * SIDE * 3);
    await cutCentre(bytes, "photo", { width, height }, { size: SIDE, cropFraction, interpolation }, expected);
    const photo = await decodeImage(bytes, "photo");
    expect(squareOf(photo, SIDE, { cropFraction, interpolation })).toEqual(expected);
  },
);

test("the transparency of a canvas is removed", () => {
  expect([...withoutAlpha(Uint8ClampedArray.of(1, 2, 3, 255, 4, 5, 6, 0))]).toEqual([1, 2, 3, 4, 5, 6]);
});

test("a file of a browser is recognised by its first bytes", async () => {
  expect(formatOf(new Uint8Array(await picture(1).jpeg().toBuffer()))).toEqual({ name: "a JPEG", read: true });
  expect(formatOf(new TextEncoder().encode("notes"))).toEqual({ name: "text", read: false });
  expect(formatOf(new Uint8Array())).toEqual({ name: "empty", read: false });
});

test("a model's facts are the known ones", () => {
  const model = {
    file: "model.onnx",
    bytes: 1,
    name: "first",
    model: "resnet8",
    imageSize: 32,
    view: { cropFraction: 1, interpolation: "bicubic" },
    classes: ["a", "b"],
  } as const;
  const size = "32\u00a0×\u00a032";
  expect(factsOf(model)).toEqual([`resnet8, ${size} pixels`]);
  const accuracy = { value: 0.7398, images: 10_000, data: "cifar10", split: "test" };
  expect(factsOf({ ...model, method: "advprop", epsilon: 1 / 255, accuracy })).toEqual([
    `resnet8, ${size} pixels`,
    "AdvProp at 1/255",
    "accuracy 73.98\u00a0% on 10,000 test images of cifar10",
  ]);
  expect(factsOf({ ...model, method: "advprop", epsilon: 0.5, norm: "l2" })[1]).toBe("AdvProp at 0.5 (l2)");
  expect([milliseconds(3.14), milliseconds(271.8)]).toEqual(["3.1 ms", "272 ms"]);
});
