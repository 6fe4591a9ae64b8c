/** `advprop evaluate --attack` as a user sees it: the cost before the attack, the effect of each attack, and wrong flags. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exportWeights } from "../../src/export/safetensors.js";
import { createClassifier } from "../../src/models/registry.js";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";

const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const folder = sharedTemporaryFolder();
const data = join(folder, "cifar");
// Dark images of class 0 and light ones of class 1, some of them near the middle.
const grey = (i: number) => (i % 2 === 0 ? 126 - 3 * i : 129 + 3 * i);
writeCifar10(data, Buffer.concat(Array.from({ length: 16 }, (_, i) => cifarRecord([i % 2], () => grey(i)))));

const ours = join(folder, "ours.safetensors");
exportWeights(createClassifier("resnet20", { classes: CLASSES }).initialize(2), ours, { auxiliary: false });

// Predicts class 0 if the mean colour is below 127.5, else class 1. The metadata defines the normalisation of its input.
const black = join(folder, "black.onnx");
writeOnnx(black, {
  weights: CLASSES.map((_, k) => (k === 0 ? [-1, -1, -1] : k === 1 ? [1, 1, 1] : [0, 0, 0])),
  shape: ["n", 3, 32, 32],
});
writeFileSync(
  `${black}.json`,
  JSON.stringify({ pixelRange: "0-1", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], classes: CLASSES }),
);

const run = (model: string, ...args: string[]) =>
  advprop(["evaluate", model, "--data", data, "--limit-test", "16", "--threads", "1", ...args]);

describe("attacks on a network of ours", () => {
  test("the cost is printed first, and the result has every image", () => {
    const { status, stdout, stderr } = run(
      ours,
      "--attack",
      "apgd-ce",
      "--attack-steps",
      "3",
      "--restarts",
      "2",
      "--json",
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(
      /apgd-ce on 16 images: at most 160 forward and 96 backward passes of single images, at most about \S/,
    );
    const result = JSON.parse(stdout);
    expect(result.attack).toEqual({ name: "apgd-ce", norm: "linf", epsilon: 8 / 255, steps: 3, restarts: 2, seed: 0 });
    expect(result.robustness.attacks).toMatchObject([{ name: "apgd-ce", outside: 0 }]);
    expect(result.robustness.outcomes).toHaveLength(16);
    const left = result.robustness.outcomes.filter((outcome: string) => outcome === "robust").length;
    expect(result.robustAccuracy).toBe(left / 16);
  });

  test.each([
    [
      ["--attack", "autoattack", "--attack-steps", "5"],
      /the protocol of autoattack fixes --attack-steps; got 5\. Leave it out/,
    ],
    [["--attack", "fab", "--step-size", "1/255"], /the protocol of fab fixes --step-size; got 1\/255\. Leave it out/],
    [["--attack", "apgd-ce", "--epsilon", "8"], /Did you mean 8\/255\?/],
    [["--attack", "apgd-ce", "--norm", "l1"], /linf or l2/],
    [["--attack", "square", "--restarts", "0"], /--restarts must be a whole number of at least 1/],
    [["--restarts", "2"], /--restarts needs an attack\. Leave it out, or add --attack pgd/],
    [["--epsilon", "4/255"], /--epsilon needs an attack/],
    [["--set", "attack.randomStart=false"], /--set attack\.randomStart=false needs an attack/],
    [["--seed", "3"], /--seed needs an attack, because nothing else of an evaluation is random/],
    [["--to", "q"], /--to is only for a suite or a corrupted set\. Add --suite standard/],
    [["--attack", "pgd", "--set", "attack.restarts=0"], /--restarts must be a positive integer; got 0/],
    [["--attack", "fgsm", "--restarts", "5"], /--restarts must be 1 because nothing .* by fgsm is random/],
    [
      ["--attack", "pgd", "--set", "attack.statistics=batch"],
      /--set attack\.statistics=batch has no effect outside of/,
    ],
    [
      ["--attack", "apgd-ce", "--set", "attack.randomStart=false"],
      /apgd-ce fixes --set attack\.randomStart; got false/,
    ],
    [["--attack", "apgd"], /pgd/],
  ])("refuses %j", (flags, message) => {
    const { status, stderr } = run(ours, ...flags);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});

test("Square attacks an ONNX file by its outputs, on the 8-bit grid, with a warning about the result", () => {
  // The images are 1.5, 4.5, 7.5 and 10.5 levels from the threshold.
  const { status, stdout, stderr } = run(
    black,
    "--attack",
    "square",
    "--epsilon",
    "8/255",
    "--limit-test",
    "4",
    "--json",
  );
  expect(status, stderr).toBe(0);
  expect(stderr).toContain("Warning: the model gives no gradients");
  const { accuracy, robustness, model } = JSON.parse(stdout);
  expect(model.access).toBe("black-box");
  expect(accuracy).toBe(1);
  expect(robustness.outcomes).toEqual(["square", "square", "square", "robust"]);
  expect(robustness.attacks).toMatchObject([{ name: "square", attacked: 4, broken: 3, outside: 0 }]);
});

test.each([[["--restarts", "2"]], [["--set", "attack.restarts=2"]]])(
  "the text says what each attack did, with %j",
  (restarts) => {
    const { stdout } = run(ours, "--attack", "pgd", "--epsilon", "2/255", "--attack-steps", "2", ...restarts);
    expect(stdout).toMatch(
      /robust accuracy [\d.]+ % of 16 images \(pgd, linf, 2 steps of 0.5\/255, 2 runs, epsilon 2\/255\)/,
    );
    expect(stdout).toMatch(/ {2}pgd {2}broke \d+ of \d+, accuracy after it/);
  },
);
