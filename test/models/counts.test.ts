/** The counts of every network, compared with those of its authors and of reference implementations. Nothing is allocated. */
import { describe, expect, test } from "vitest";
import { architecture, createClassifier, modelNames, summarize } from "../../src/models/registry.js";
import { MODEL_SUMMARIES } from "../../src/models/summaries.js";
import { codedError } from "../support/errors.js";

const parametersOf = (name: string, routes: readonly string[] = []): number => {
  const { build, classes } = architecture(name);
  return Array.from(build(classes, routes).namedParameters()).reduce((total, [, { size }]) => total + size, 0);
};

describe("ImageNet networks", () => {
  // Parameters, batch norms, their channels, image size, and the scales and shifts of one auxiliary set in percent of
  // the parameters. EfficientNet: the official builder's rules, equal to timm's tf_efficientnet_b0 .. b8 and
  // tf_efficientnet_lite0 .. lite4. ResNet: torchvision and timm.
  test.each([
    ["efficientnet-b0", 5_288_548, 49, 21_008, 224, "0.79"],
    ["efficientnet-b1", 7_794_184, 69, 31_024, 240, "0.80"],
    ["efficientnet-b2", 9_109_994, 69, 33_784, 260, "0.74"],
    ["efficientnet-b3", 12_233_232, 78, 43_648, 300, "0.71"],
    ["efficientnet-b4", 19_341_616, 96, 62_600, 380, "0.65"],
    ["efficientnet-b5", 30_389_784, 116, 86_368, 456, "0.57"],
    ["efficientnet-b6", 43_040_704, 134, 112_216, 528, "0.52"],
    ["efficientnet-b7", 66_347_960, 163, 155_360, 600, "0.47"],
    ["efficientnet-b8", 87_413_142, 181, 190_016, 672, "0.43"],
    ["efficientnet-lite0", 4_652_008, 49, 21_008, 224, "0.90"],
    ["efficientnet-lite1", 5_416_680, 64, 26_832, 240, "0.99"],
    ["efficientnet-lite2", 6_092_072, 64, 29_048, 260, "0.95"],
    ["efficientnet-lite3", 8_197_096, 73, 38_336, 280, "0.94"],
    ["efficientnet-lite4", 13_006_568, 91, 56_184, 300, "0.86"],
    ["resnet18", 11_689_512, 20, 4_800, 224, "0.08"],
    ["resnet34", 21_797_672, 36, 8_512, 224, "0.08"],
    ["resnet50", 25_557_032, 53, 26_560, 224, "0.21"],
    ["resnet101", 44_549_160, 104, 52_672, 224, "0.24"],
    ["resnet152", 60_192_808, 155, 75_712, 224, "0.25"],
  ])("%s", (name, parameters, batchNorms, batchNormChannels, imageSize, overheadPercent) => {
    expect(summarize(architecture(name))).toEqual({ name, parameters, batchNorms, batchNormChannels, imageSize });
    const auxiliary = parametersOf(name, ["aux"]) - parameters;
    expect(auxiliary).toBe(2 * batchNormChannels);
    expect(((100 * auxiliary) / parameters).toFixed(2)).toBe(overheadPercent);
    expect(parametersOf(name, ["aux", "augmented"]) - parameters).toBe(2 * auxiliary);
  });

  // Entries of timm's state dicts: with an auxiliary route each batch norm has five more.
  test.each([
    ["efficientnet-b0", 360],
    ["efficientnet-b1", 508],
    ["efficientnet-b2", 508],
    ["efficientnet-b3", 574],
    ["efficientnet-b4", 706],
    ["efficientnet-b5", 854],
    ["efficientnet-b6", 986],
    ["efficientnet-b7", 1200],
    ["efficientnet-b8", 1332],
    ["efficientnet-lite0", 296],
    ["efficientnet-lite1", 386],
    ["efficientnet-lite2", 386],
    ["efficientnet-lite3", 440],
    ["efficientnet-lite4", 548],
    ["resnet18", 122],
    ["resnet34", 218],
    ["resnet50", 320],
    ["resnet101", 626],
    ["resnet152", 932],
  ])("%s has the entries of its published state dict", (name, entries) => {
    const { build, classes } = architecture(name);
    const count = (routes: readonly string[]): number => {
      const network = build(classes, routes);
      return [...network.namedParameters(), ...network.namedBuffers()].length;
    };
    expect(count([])).toBe(entries);
    expect(count(["aux"])).toBe(entries + 5 * summarize(architecture(name)).batchNorms);
  });
});

describe("CIFAR networks", () => {
  // He et al. 2016, table 6: 0.27M, 0.46M, 0.66M, 0.85M and 1.7M, with shortcuts without parameters. Wide ResNets: Zagoruyko and
  // Komodakis 2016, table 4: 2.7M (WRN-16-4), 36.5M (28-10), 2.2M (40-2) and 8.9M (40-4). Here the exact numbers.
  test.each([
    ["resnet20", 269_722],
    ["resnet32", 464_154],
    ["resnet44", 658_586],
    ["resnet56", 853_018],
    ["resnet110", 1_727_962],
    ["resnet18-cifar", 11_173_962],
    ["wide-resnet-16-4", 2_748_890],
    ["wide-resnet-28-10", 36_479_194],
    ["wide-resnet-40-2", 2_243_546],
    ["wide-resnet-40-4", 8_949_210],
  ])("%s", (name, parameters) => {
    expect(summarize(architecture(name))).toMatchObject({ name, parameters, imageSize: 32 });
  });
});

test("the list of networks has the counts of the networks", () => {
  expect(MODEL_SUMMARIES).toEqual(modelNames().map((name) => summarize(architecture(name))));
});

test("a repeated class is refused", () => {
  const { code, message } = codedError(() => createClassifier("resnet8", { classes: ["cat", "dog", "cat"] }));
  expect([code, message]).toEqual(["ERR_CLASSES", "resnet8: each class needs a different name; cat occurs twice"]);
});

describe("names", () => {
  test("every listed network is found by its name", () => {
    expect(modelNames().map((name) => architecture(name).name)).toEqual(modelNames());
    expect(new Set(modelNames()).size).toBe(modelNames().length);
  });

  test("a wide ResNet of any size is found by its name", () => {
    expect(architecture("wide-resnet-10-1")).toMatchObject({ name: "wide-resnet-10-1", imageSize: 32, classes: 10 });
  });

  test.each([
    ["wide-resnet-30-10", "wide-resnet-28-10"],
    ["wide-resnet-4-2", "wide-resnet-10-2"],
  ])("the depth of %s is none", (name, suggestion) => {
    const { code, message } = codedError(() => architecture(name));
    expect(code).toBe("ERR_MODEL");
    expect(message).toContain("the depth must be 6n + 4");
    expect(message).toContain(`Did you mean ${suggestion}?`);
  });

  test.each([
    ["efficientnet-b9", "Did you mean efficientnet-b"],
    ["wide-resnet-28", "Did you mean wide-resnet-28-10?"],
    ["wide-resnet-28-0", "Did you mean wide-resnet-28-10?"],
    ["vit", "Known are resnet8"],
  ])("%s is none", (name, hint) => {
    const { code, message } = codedError(() => architecture(name));
    expect(code).toBe("ERR_MODEL");
    expect(message).toContain(hint);
  });
});
