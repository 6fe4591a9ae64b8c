import { describe, expect, test } from "vitest";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK, EVAL, TRAIN } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { GradientStore, gradientOf, type ProfileRow, profile, scope } from "../../src/tensor/index.js";
import { add, conv2d, full } from "../../src/tensor/operators.js";
import { error } from "../support/errors.js";

const total = (rows: readonly ProfileRow[], key: "ms" | "flops") => rows.reduce((sum, row) => sum + row[key], 0);

/** Multiplications of one image's forward pass. */
function multiplications(name: string, side: number): number {
  return scope(() => {
    const classes = name.startsWith("efficientnet") ? 1000 : 10;
    const model = createClassifier(name, { classes: Array.from({ length: classes }, (_, i) => `${i}`) }).initialize(0);
    const images = full([1, 3, side, side], 0.5);
    const { rows } = profile(() => scope(() => model.forward(images, { ...EVAL, route: "main" })));
    return total(rows, "flops") / 2;
  });
}

describe("profile", () => {
  test("counts the multiplications of ResNet-20: by hand, from its layers", () => {
    // Stem; 6 convolutions of 16 channels at 32 px; the first of 16 to 32 and 5 of 32 at 16 px; the same of 64 at 8 px.
    const byHand =
      3 * 16 * 9 * 32 ** 2 +
      6 * 16 * 16 * 9 * 32 ** 2 +
      (16 * 32 + 5 * 32 * 32) * 9 * 16 ** 2 +
      (32 * 64 + 5 * 64 * 64) * 9 * 8 ** 2 +
      64 * 10;
    expect(multiplications("resnet20", 32)).toBe(byHand);
  });

  test("counts the 0.39 billion multiplications of EfficientNet-B0 at 224 px (Tan and Le 2019, table 2)", () => {
    expect(multiplications("efficientnet-b0", 224) / 1e9).toBeCloseTo(0.39, 2);
  });

  test("counts each gradient of EfficientNet-B0 as often as its forward pass, whatever kernels compute it", () => {
    const forward = multiplications("efficientnet-b0", 32);
    const stem = 3 * 32 * 9 * 16 ** 2;
    scope(() => {
      const model = createClassifier("efficientnet-b0", { classes: Array.from({ length: 1000 }, (_, i) => `${i}`) });
      const gradients = new GradientStore(model.initialize(0).parameters.map(({ value }) => value));
      const labels = full([2], 0, "int64");
      const images = full([2, 3, 32, 32], 0.5);
      const context = { ...TRAIN, stochastic: false, route: "main" };
      const training = profile(() => gradients.add(crossEntropy(model.forward(images, context), labels)));
      expect(total(training.rows, "flops") / 2).toBe(2 * (3 * forward - stem));
      const attack = profile(() => {
        const x = full([2, 3, 32, 32], 0.5).requireGradient();
        return gradientOf(crossEntropy(model.forward(x, { ...ATTACK, route: "main" }), labels), x);
      });
      expect(total(attack.rows, "flops") / 2).toBe(2 * 2 * forward);
    });
  });

  test("tells kernels apart, and what they read and write", () => {
    scope(() => {
      const x = full([2, 4, 8, 8], 1);
      const { rows } = profile(() =>
        scope(() => {
          conv2d(x, full([4, 1, 3, 3], 1), { padding: 1, groups: 4 });
          conv2d(x, full([6, 4, 1, 1], 1));
          add(x, x);
        }),
      );
      const row = (name: string) => rows.find((one) => one.name === name);
      const bytes = 4 * x.size;
      expect(row("advprop::conv2d depthwise 3x3")).toMatchObject({
        calls: 1,
        flops: 2 * 9 * x.size,
        convolution: true,
      });
      expect(row("advprop::conv2d 1x1")).toMatchObject({ flops: 2 * 4 * 6 * 2 * 64, readBytes: bytes + 96 });
      expect(row("aten::add")).toMatchObject({
        readBytes: 2 * bytes,
        writtenBytes: bytes,
        convolution: false,
        flops: 0,
      });
      // An operator inside another is part of it.
      expect(rows.some(({ name }) => name.includes("_convolution"))).toBe(false);
    });
  });

  test("the rows make up the time", () => {
    scope(() => {
      const x = full([64, 64, 32, 32], 1);
      const weight = full([64, 64, 3, 3], 1);
      const { ms, rows } = profile(() => scope(() => conv2d(x, weight, { padding: 1 })));
      expect(total(rows, "ms")).toBeLessThanOrEqual(ms);
      expect(total(rows, "ms")).toBeGreaterThan(0.8 * ms);
    });
  });

  test("one at a time; a failure inside ends it", () => {
    expect(() => profile(() => profile(() => 0))).toThrow(error("ERR_PROFILE", /running already/));
    expect(() =>
      profile(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(profile(() => 5).result).toBe(5);
  });
});
