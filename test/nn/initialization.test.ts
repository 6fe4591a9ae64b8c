import { describe, expect, test } from "vitest";
import { createClassifier } from "../../src/models/registry.js";
import { Conv2d } from "../../src/nn/layers/convolution.js";
import { Linear } from "../../src/nn/layers/linear.js";
import type { Module } from "../../src/nn/module.js";
import { fromArray, scope, setMemoryLimit } from "../../src/tensor/index.js";

const classifier = (routes: readonly string[], seed: number) =>
  createClassifier("resnet20", { classes: ["a", "b", "c"], routes }).initialize(seed).network;
const values = (network: Module) =>
  new Map(Array.from(network.state(), ([name, tensor]) => [name, tensor.toNumbers()]));
const isAuxiliary = (name: string) => name.includes(".aux_bn.");

describe("initial values", () => {
  test("of the main network are the same whatever the auxiliary routes, which start as the main ones do", () => {
    const plain = values(classifier([], 3));
    for (const routes of [["aux"], ["aux", "strong", "style"]]) {
      const routed = values(classifier(routes, 3));
      expect(new Map([...routed].filter(([name]) => !isAuxiliary(name)))).toEqual(plain);
      for (const [name, value] of routed) {
        if (isAuxiliary(name)) expect(value, name).toEqual(plain.get(name.replace(/\.aux_bn\.\d+/, "")));
      }
    }
  });

  test("repeat with the seed, and differ with it and from layer to layer", () => {
    const first = values(classifier([], 3));
    expect(values(classifier([], 3))).toEqual(first);
    const other = values(classifier([], 4));
    expect(other.get("conv1.weight")).not.toEqual(first.get("conv1.weight"));
    expect(first.get("layer1.0.conv1.weight")).not.toEqual(first.get("layer1.0.conv2.weight"));
  });

  test("again on a network in use replaces what was there", () => {
    const network = classifier([], 3);
    const before = values(network);
    expect(values(network.initialize(9))).not.toEqual(before);
    expect(values(network.initialize(3))).toEqual(before);
  });

  test.each([
    [64, 64, 3, 1],
    [16, 64, 5, 1],
    [256, 256, 3, 256],
    [128, 64, 1, 2],
  ])(
    "of a convolution %i -> %i, size %i, groups %i are normal with deviation sqrt(2 groups / (outputs size^2))",
    (inputs, outputs, size, groups) => {
      const { weight } = new Conv2d(inputs, outputs, size, { groups }).initialize(1);
      const numbers = weight.data.toNumbers();
      const expected = Math.sqrt((2 * groups) / (outputs * size ** 2));
      const n = numbers.length;
      const mean = numbers.reduce((total, value) => total + value, 0) / n;
      const variance = numbers.reduce((total, value) => total + value ** 2, 0) / n;
      // Five standard errors of each moment; the seed is fixed, so the test cannot flicker.
      expect(Math.abs(mean)).toBeLessThan((5 * expected) / Math.sqrt(n));
      expect(Math.abs(variance / expected ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
      // A normal has 68.3 % of its mass within one deviation, a uniform of that deviation 57.7 %.
      const within = numbers.filter((value) => Math.abs(value) < expected).length / n;
      expect(Math.abs(within - 0.6827)).toBeLessThan(5 * Math.sqrt(0.2166 / n));
    },
  );

  test("of a linear layer are uniform within 1 / sqrt(inputs), with biases of zero", () => {
    const { weight, bias } = new Linear(400, 50).initialize(1);
    const numbers = weight.data.toNumbers();
    expect(Math.max(...numbers)).toBeLessThan(0.05);
    expect(Math.max(...numbers)).toBeGreaterThan(0.0499);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(-0.05);
    expect(Math.min(...numbers)).toBeLessThan(-0.0499);
    expect(bias.data.toNumbers()).toEqual(new Array(50).fill(0));
  });

  test("that do not fit leave a layer that can be initialised again", () => {
    const layer = new Conv2d(64, 64, 7, { bias: true }).initialize(1);
    const before = layer.weight.data.toNumbers();
    setMemoryLimit(1);
    const full = expect.objectContaining({ code: "ERR_MEMORY_LIMIT" });
    scope(() => {
      const fill = () => {
        for (;;) fromArray(new Uint8Array(2 ** 16));
      };
      expect(fill).toThrow(full);
      expect(() => layer.initialize(2)).toThrow(full);
    });
    setMemoryLimit(0);
    expect(layer.initialize(1).weight.data.toNumbers()).toEqual(before);
  });

  test("4-D weights are channels-last, and nothing is allocated before", () => {
    const layer = new Conv2d(4, 8, 3);
    expect(() => layer.weight.value).toThrow(/not initialised/);
    expect(layer.initialize(0).weight.value.strides).toEqual([36, 1, 12, 4]);
  });
});
