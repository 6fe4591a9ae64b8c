/** Mean and std that do not fit the unit or the order of the colours. */
import { describe, expect, test } from "vitest";
import { normalizationMistake, orderRemark } from "../../src/predictors/onnx/onnx-normalization.js";

const UNIT = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const BYTES = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };
const three = (value: number) => [value, value, value];
const said = (normalization: Omit<Parameters<typeof normalizationMistake>[0], "channels">) =>
  normalizationMistake({ channels: "RGB", ...normalization })?.join(". ");

describe("the unit", () => {
  test.each([
    ["0-1", UNIT.mean, UNIT.std],
    ["0-255", BYTES.mean, BYTES.std],
    ["0-1", three(0), three(1)],
    ["0-255", three(0), three(1)],
    ["0-1", three(0.5), three(0.5)],
    ["0-1", three(0.5), three(1)],
    ["0-255", three(127.5), three(127.5)],
    ["0-255", three(127), three(128)],
    ["0-255", [103.939, 116.779, 123.68], three(1)],
    // To 0-1, and to 0-255, by the std.
    ["0-255", three(0), three(255)],
    ["0-1", three(0), three(1 / 255)],
  ] as const)("%s with a mean of %s and a std of %s is possible", (pixelRange, mean, std) => {
    expect(said({ pixelRange, mean, std })).toBeUndefined();
  });

  test.each([
    [
      "0-1",
      BYTES.mean,
      BYTES.std,
      /must be in the unit of pixelRange, here 0-1; mean 123.675, .* and std 58.* for 0-255\. Give `onnx.pixelRange: 0-255`, or divide mean and std by 255/,
    ],
    [
      "0-255",
      UNIT.mean,
      UNIT.std,
      /here 0-255; mean 0.485, .* and std 0.229, .* look like values for 0-1\. Give `onnx.pixelRange: 0-1`, or multiply/,
    ],
    [
      "0-1",
      three(0.5),
      three(127.5),
      /; std 127.5, .* looks like a value for 0-255\. To bring both into one unit, divide std by 255/,
    ],
    ["0-255", three(0.5), three(127.5), /; mean 0.5, .* looks like a value for 0-1\. .* multiply mean by 255/],
    ["0-255", UNIT.mean, three(1), /pixelRange: 0-1`, or multiply mean by 255/],
    ["0-1", three(127.5), three(1), /pixelRange: 0-255`, or divide mean by 255/],
    ["0-1", three(0), three(255), /pixelRange: 0-255`, or divide std by 255/],
    ["0-255", three(0), three(0.5), /pixelRange: 0-1`, or multiply std by 255/],
    ["0-255", three(300), three(1), /at most 255; got 300/],
    ["0-1", three(-0.5), three(0.5), /must not be negative; got -0.5, .* leave the minus out/],
    ["0-1", three(0.5), [0.5, -0.5, 0.5], /std must be above 0; got 0.5, -0.5, 0.5/],
    ["0-1", three(0.5), three(0), /std must be above 0/],
  ] as const)("%s with a mean of %s and a std of %s is a mistake", (pixelRange, mean, std, message) => {
    expect(said({ pixelRange, mean, std })).toMatch(message);
  });

  // The advice must work, and give the network the same numbers.
  test("both fixes of a wrong unit are right, and equal", () => {
    const divided = { mean: BYTES.mean.map((m) => m / 255), std: BYTES.std.map((s) => s / 255) };
    expect(said({ pixelRange: "0-255", ...BYTES })).toBeUndefined();
    expect(said({ pixelRange: "0-1", ...divided })).toBeUndefined();
    expect((200 - BYTES.mean[0]) / BYTES.std[0]).toBeCloseTo((200 / 255 - divided.mean[0]) / divided.std[0], 12);
  });
});

describe("the order of the colours", () => {
  const [rgb, bgr] = [UNIT.mean, [...UNIT.mean].reverse()];
  test.each([
    ["RGB", "0-1", rgb, undefined],
    ["BGR", "0-1", bgr, undefined],
    ["RGB", "0-1", [0.5, 0.5, 0.5], undefined],
    ["BGR", "0-255", [103.939, 116.779, 123.68], undefined],
    ["BGR", "0-1", rgb, "mean is in the order of channels, BGR, and looks like ImageNet's in the order RGB"],
    ["RGB", "0-1", bgr, "mean is in the order of channels, RGB, and looks like ImageNet's in the order BGR"],
    [
      "RGB",
      "0-255",
      [103.939, 116.779, 123.68],
      "mean is in the order of channels, RGB, and looks like ImageNet's in the order BGR",
    ],
    ["BGR", "0-255", BYTES.mean, "mean is in the order of channels, BGR, and looks like ImageNet's in the order RGB"],
  ] as const)("%s, %s, %s", (channels, pixelRange, mean, remark) => {
    expect(orderRemark({ channels, pixelRange, mean, std: three(1) })).toBe(remark);
  });
});
