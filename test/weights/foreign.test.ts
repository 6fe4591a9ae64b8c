/**
 * Weights of other code bases: recognised, renamed and checked. Those of three libraries are compared with the library's
 * logits.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Classifier } from "../../src/models/classifier.js";
import { architecture, createClassifier, modelNames } from "../../src/models/registry.js";
import { loadState, stateOf, toSafetensor } from "../../src/models/weights.js";
import { EVAL, MAIN_ROUTE, TRAIN } from "../../src/nn/context.js";
import { ELEMENT_BYTES, encodeSafetensors, type SafetensorsTensor } from "../../src/runs/safetensors.js";
import { fromArray, scope } from "../../src/tensor/index.js";
import { add, cast, mul } from "../../src/tensor/operators.js";
import type { StateFile } from "../../src/torch-files/state-file.js";
import { foreignWeights } from "../../src/weights/foreign.js";
import { COUNTER, layoutOf } from "../../src/weights/layout.js";
import { openWeights } from "../../src/weights/open.js";
import { PRESET_NAMES } from "../../src/weights/preset-names.js";
import { presetOf, usualPreset } from "../../src/weights/presets.js";
import { findPublished, PUBLISHED_WEIGHTS, SMALL_WEIGHTS } from "../../src/weights/published.js";
import { recognize } from "../../src/weights/recognize.js";
import { codedError, codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { INPUT_STREAM, initial, keyed } from "../support/networks.js";
import { pickled, torchArchive, torchState } from "../support/torch-files.js";

type Tensors = ReadonlyMap<string, SafetensorsTensor>;

const file = (tensors: Tensors): StateFile => ({
  tensors: new Map(Array.from(tensors, ([name, { dtype, shape, data }]) => [name, { dtype, shape, read: () => data }])),
  metadata: {},
  notes: [],
});
const renamed = (tensors: Tensors, rename: (name: string) => string): Tensors =>
  new Map(Array.from(tensors, ([name, tensor]) => [rename(name), tensor]));

/** A state with the names and shapes of a network here, and with zeros as elements. */
function stateOfModel(name: string, routes: readonly string[] = [], classes = 10): Map<string, SafetensorsTensor> {
  return new Map(
    Array.from(layoutOf(architecture(name), classes, routes), ([key, shape]) => {
      const elements = shape.reduce((product, length) => product * length, 1);
      const dtype = key.endsWith(COUNTER) ? "I64" : "F32";
      return [key, { dtype, shape, data: new Uint8Array(elements * ELEMENT_BYTES[dtype]) }];
    }),
  );
}

/** The state of ResNet-20 with random weights. */
function randomState(routes: readonly string[] = []): Map<string, SafetensorsTensor> {
  const classes = Array.from({ length: 10 }, (_, i) => `class ${i}`);
  return stateOf(createClassifier("resnet20", { classes, routes }).initialize(3).network);
}

function build({ specification, tensors }: Awaited<ReturnType<typeof openWeights>>): Classifier {
  const model = createClassifier(specification.name, specification).initialize(0);
  loadState(model.network.state(), tensors, "weights");
  return model;
}

interface GoldenNetwork {
  readonly library: string;
  readonly model: string;
  readonly preset: "half" | "imagenet";
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly logits: readonly (readonly number[])[];
}
const golden: readonly GoldenNetwork[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "../golden/values/foreign_weights.json"), "utf8"),
);

const noElements = (): never => {
  throw new Error("elements are not read to recognise a network");
};

describe.each(golden)("$model of $library", ({ model, preset, shapes, logits }) => {
  test("has the logits of the library, from the names and shapes that it saves", async () => {
    const tensors = scope(
      () =>
        new Map(
          Object.entries(shapes).map(([name, shape], place) => {
            return [name, toSafetensor(cast(initial(name, place, shape), "float32"))] as const;
          }),
        ),
    );
    // The file's name tells the normalisation where it is not ImageNet's.
    const path = join(temporaryFolder(), preset === "half" ? "tf_efficientnet_b0_ap.safetensors" : "w.safetensors");
    writeFileSync(path, Buffer.concat(encodeSafetensors(tensors)));
    const opened = await openWeights(path);
    expect(opened.specification.name).toBe(model);
    expect(opened.specification.classes).toHaveLength(10);
    const found = scope(() => {
      const pixels = cast(mul(add(keyed(INPUT_STREAM, [2, 3, 64, 64]), 1), 0.5), "float32");
      return build(opened)
        .forward(pixels, { ...EVAL, route: MAIN_ROUTE })
        .toNumbers();
    });
    const expected = logits.flat();
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of expected.entries()) expect(Math.abs(found[i] - value) / largest).toBeLessThan(1e-5);
  });
});

describe("a network is recognised by its tensors", () => {
  test.each([...modelNames(), "wide-resnet-10-3", "wide-resnet-22-1"])("%s, with the names of this library", (name) => {
    const layout = layoutOf(architecture(name), 7, []);
    const shapes = Array.from(layout, ([key, shape]) => [key, { dtype: "F32", shape, read: noElements }] as const);
    const found = recognize(new Map(shapes), "w.pth");
    expect([found.name, found.classes, [...found.tensors.keys()]]).toEqual([name, 7, [...layout.keys()]]);
  });

  test("and copied bit for bit", () => {
    const tensors = randomState();
    const found = foreignWeights(file(tensors), "w.pth").tensors;
    for (const [name, { data }] of tensors) {
      if (!name.endsWith(COUNTER)) expect([name, Buffer.compare(found.get(name)!.data, data)]).toEqual([name, 0]);
    }
  });

  test("a ResNet for CIFAR of the usual ports, with the names linear and shortcut", () => {
    for (const [name, port] of [
      ["resnet20", (key: string) => key.replace("fc.", "linear.")],
      ["resnet18-cifar", (key: string) => key.replace("fc.", "linear.").replace(".downsample.", ".shortcut.")],
    ] as const) {
      const found = foreignWeights(file(renamed(stateOfModel(name), port)), "w.pth");
      expect(found.specification.name).toBe(name);
      expect(found.specification.classes[9]).toBe("truck");
      expect(found.notes[0]).toContain(
        "under the names of ports for CIFAR, with CIFAR-10's classes in their usual order",
      );
    }
  });

  test("1000 classes are ImageNet's", () => {
    const { specification } = foreignWeights(file(stateOfModel("resnet18", [], 1000)), "w.pth");
    expect([specification.classes[0], specification.classes[999]]).toEqual(["n01440764", "n15075141"]);
  });
});

describe("auxiliary norms have the names of", () => {
  const ours = randomState(["aux"]);
  test.each([
    ["timm", (name: string) => name],
    ["PyTorch AdvProp and Fast AdvProp", (name: string) => name.replace(".aux_bn.0.", ".aux_bn.")],
    [
      "AugMax",
      (name: string) =>
        name.replace(/(bn\d)\.aux_bn\.0\./, "$1.bn.1.").replace(/(bn\d)\.(weight|bias|run|num)/, "$1.bn.0.$2"),
    ],
    [
      "once-for-all adversarial training",
      (name: string) =>
        name.replace(/(bn\d)\.aux_bn\.0\./, "$1.BN_a.").replace(/(bn\d)\.(weight|bias|run|num)/, "$1.BN_c.$2"),
    ],
  ])("%s", (_, rename) => {
    const { specification, tensors } = foreignWeights(file(renamed(ours, rename)), "w.pth");
    expect(specification.routes).toEqual(["aux"]);
    for (const [name, { data }] of ours) {
      if (!name.endsWith(COUNTER)) expect([name, Buffer.compare(tensors.get(name)!.data, data)]).toEqual([name, 0]);
    }
  });

  test("two sets", () => {
    expect(foreignWeights(file(stateOfModel("resnet20", ["a", "b"])), "w.pth").specification.routes).toEqual([
      "aux",
      "aux-2",
    ]);
  });
});

describe("what does not fit is refused", () => {
  const refused = (tensors: Tensors, options = {}, path = "w.pth") =>
    codedError(() => foreignWeights(file(tensors), path, options));

  test("with missing, unexpected and wrongly shaped tensors together", () => {
    const tensors = stateOfModel("resnet20");
    tensors.delete("layer1.0.conv2.weight");
    tensors.set("layer1.0.se.weight", tensors.get("bn1.weight")!);
    tensors.set("bn1.bias", { ...tensors.get("bn1.bias")!, shape: [4, 4] });
    const error = refused(tensors);
    expect(error.code).toBe("ERR_WEIGHTS");
    expect(error.message).toContain("the tensors do not fit resnet20. Nothing was loaded.");
    expect(error.message).toContain("missing (1): layer1.0.conv2.weight");
    expect(error.message).toContain("not of this network (1): layer1.0.se.weight");
    expect(error.message).toContain("of another shape or type (1): bn1.bias must have shape [16]; got [4,4]");
  });

  test("for the requested network", () => {
    expect(refused(stateOfModel("resnet20"), { model: "resnet32" }).message).toContain("do not fit resnet32");
    expect(refused(stateOfModel("resnet20"), { model: "resnet21" }).code).toBe("ERR_MODEL");
    expect(refused(stateOfModel("resnet20"), { preset: "cifar" }).code).toBe("ERR_PRESET");
  });

  test("where no name is known, or the network is only similar to one here", () => {
    const one = stateOfModel("resnet20").get("bn1.weight")!;
    expect(refused(new Map([["encoder.layers.0.weight", one]])).message).toContain("belong to no network here");
    const torchvisions = new Map([
      ["features.0.0.weight", one],
      ["features.1.0.block.0.0.weight", one],
    ]);
    expect(refused(torchvisions).message).toContain("torchvision's EfficientNet, which pads its images in another way");
    expect(refused(stateOfModel("resnet20"), {}, "cache/resnetaa50.pth").message).toContain(
      "ResNet with anti-aliasing",
    );
    const b0 = stateOfModel("efficientnet-b0");
    expect(refused(b0, {}, "cache/efficientnet_b0_ra-3dd342df.pth").message).toContain(
      "timm's efficientnet_b0 without tf_",
    );
    const hub = "huggingface.co/timm/efficientnet_b0.ra_in1k/resolve/main/model.safetensors";
    expect(refused(b0, {}, hub).message).toContain("without tf_");
    expect(foreignWeights(file(b0), "my-b0.pth").notes.join(" ")).toContain("without tf_ has the same names");
    expect(foreignWeights(file(b0), "tf_efficientnet_b0.pth").notes.join(" ")).not.toContain("without tf_");
  });

  test("where elements are not finite, or are integers", () => {
    const tensors = stateOfModel("resnet20");
    const data = new Uint8Array(Float32Array.from({ length: 16 }, (_, i) => (i === 3 ? Number.NaN : 1)).buffer);
    tensors.set("bn1.weight", { dtype: "F32", shape: [16], data });
    expect(refused(tensors).message).toContain("bn1.weight must have finite elements; element 3 is NaN");
    tensors.set("bn1.weight", { dtype: "I32", shape: [16], data });
    expect(refused(tensors).message).toContain("bn1.weight must be floating-point numbers; got I32");
  });
});

describe("numbers of other types", () => {
  test.each([
    ["F16", Uint16Array.of(0x0000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x8400), [0, 1, -2, 65504, 2 ** -24, -(2 ** -14)]],
    [
      "BF16",
      Uint16Array.of(0x0000, 0x3f80, 0xc000, 0x7f7f, 0x0001, 0x3eab),
      [0, 1, -2, 3.3895313892515355e38, 2 ** -133, 0.333984375],
    ],
    ["F64", Float64Array.of(0, 1, -2, 1 / 3, 1e-40, 1e30), [0, 1, -2, 1 / 3, 1e-40, 1e30].map(Math.fround)],
  ] as const)("%s becomes float32", (dtype, values, expected) => {
    const tensors = stateOfModel("resnet20");
    const all = Array.from({ length: 16 }, (_, i) => values[i % 6]);
    const typed = dtype === "F64" ? Float64Array.from(all) : Uint16Array.from(all);
    tensors.set("bn1.weight", { dtype, shape: [16], data: new Uint8Array(typed.buffer) });
    const found = foreignWeights(file(tensors), "w.pth");
    const { data } = found.tensors.get("bn1.weight")!;
    expect([...new Float32Array(data.buffer, data.byteOffset, 6)]).toEqual(expected);
    expect(found.notes.some((note) => note.includes("1 tensors of float64 were rounded"))).toBe(dtype === "F64");
  });

  test("missing or zero counters of norms do not let one update replace the statistics", () => {
    const tensors = randomState();
    tensors.delete("bn1.num_batches_tracked");
    const { specification, tensors: found } = foreignWeights(file(tensors), "w.pth");
    const model = createClassifier("resnet20", specification).initialize(0);
    loadState(model.network.state(), found, "w.pth");
    scope(() => {
      const images = add(fromArray(new Float32Array(2 * 3 * 32 * 32), [2, 3, 32, 32], "float32"), 0.9);
      const before = model.network.state().get("bn1.running_var")!.toNumbers();
      const keys = { seed: 0, epoch: 0, samples: fromArray([0, 1], [2], "int64") };
      model.forward(images, { ...TRAIN, route: MAIN_ROUTE, keys });
      const after = model.network.state().get("bn1.running_var")!.toNumbers();
      // A constant image has variance 0 inside. With a share of 0.1, at least 0.9 of the old variance remains.
      for (const [i, value] of after.entries()) expect(value).toBeGreaterThanOrEqual(0.89 * before[i]);
    });
  });
});

describe("presets", () => {
  const presetFor = (name: string, path: string, options = {}) => {
    const { specification, notes } = foreignWeights(file(stateOfModel(name)), path, options);
    return {
      mean: specification.normalization.mean[0],
      view: specification.view,
      size: specification.imageSize,
      notes,
    };
  };

  test("are ImageNet's mean and deviation, or 0.5 where the name is that of an AdvProp file", () => {
    expect(presetFor("resnet18", "w.pth").mean).toBe(0.485);
    expect(presetFor("resnet18", "w.pth").notes.join(" ")).toContain("the usual one of its family");
    const meanOf = (path: string) => {
      const { name } = usualPreset("efficientnet-b0", path);
      return presetOf(name, { name: "efficientnet-b0", imageSize: 224 }).normalization.mean[0];
    };
    expect(meanOf("w.pth")).toBe(0.485);
    const hub = "x/timm/tf_efficientnet_b0.ap_in1k/resolve/main/model.safetensors";
    expect(presetFor("efficientnet-b0", hub).mean).toBe(0.5);
    expect(presetFor("efficientnet-b0", "/home/adv/tf_efficientnet_b0_aa-827b6e33.pth").mean).toBe(0.485);
    for (const path of [
      "tf_efficientnet_b0_ap-f262efe1.pth",
      "adv-efficientnet-b0-b64d5a18.pth",
      "tf_efficientnet_b0.ap_in1k",
      "b0-advprop.pth",
    ]) {
      expect([path, meanOf(path)]).toEqual([path, 0.5]);
    }
  });

  test("have the crop of a published file, and are the requested ones if given", () => {
    const hub = "c/huggingface.co/timm/resnet34.a1_in1k/resolve/main/model.safetensors";
    const timm = presetFor("resnet34", hub);
    expect([timm.size, timm.view]).toEqual([288, { cropFraction: 1, interpolation: "bicubic" }]);
    const first = presetFor("resnet18", "resnet18-f37072fd.pth");
    expect(first.view).toEqual({ cropFraction: 0.875, interpolation: "bilinear" });
    expect(first.notes.join(" ")).toContain("of photos the middle 0.875 of the short side, bilinear (as published)");
    expect(findPublished("resnet50-11ad3fa6.pth")?.view?.cropFraction).toBe(224 / 232);
    expect(presetFor("resnet18", "resnet18-f37072fd.pth", { preset: "none" }).mean).toBe(0);
    expect(presetFor("efficientnet-b0", "tf_efficientnet_b0_ap-f262efe1.pth").view).toEqual({
      cropFraction: 0.875,
      interpolation: "bicubic",
    });
  });

  test("of EfficientNet-Lite are those of timm's test, by the file's name or on the Hub", () => {
    const hub = "c/huggingface.co/timm/tf_efficientnet_lite3.in1k/resolve/main/model.safetensors";
    for (const path of ["tf_efficientnet_lite3-b733e338.pth", hub]) {
      const lite = presetFor("efficientnet-lite3", path);
      expect([lite.mean, lite.size, lite.view]).toEqual([0.5, 300, { cropFraction: 0.904, interpolation: "bilinear" }]);
    }
    const smallest = findPublished("tf_efficientnet_lite0-0aa007d2.pth");
    expect([smallest?.reference, smallest?.imageSize, smallest?.view?.interpolation]).toEqual([
      SMALL_WEIGHTS,
      224,
      "bicubic",
    ]);
  });

  test("of EfficientNets have the crops of timm's table", () => {
    // https://github.com/huggingface/pytorch-image-models, crop_pct of tf_efficientnet_b0.ap_in1k to b8.
    const published = [0.875, 0.882, 0.89, 0.904, 0.922, 0.934, 0.942, 0.949, 0.954];
    const sizes = [224, 240, 260, 300, 380, 456, 528, 600, 672];
    for (const [i, imageSize] of sizes.entries()) {
      const { view } = presetOf("advprop", { name: `efficientnet-b${i}`, imageSize });
      // The table truncates digits instead of rounding.
      expect(Math.abs(view.cropFraction - published[i])).toBeLessThan(1e-3);
    }
  });
});

describe("published weights", () => {
  test("have existing networks and presets, and a hash, and are found by their names", () => {
    for (const entry of PUBLISHED_WEIGHTS) {
      expect(modelNames()).toContain(entry.model);
      expect(PRESET_NAMES).toContain(entry.preset);
      expect(entry.sha256).toMatch(/^[0-9a-f]{8}$/);
      expect(entry.accuracy).toBeGreaterThan(0.65);
      const path = entry.reference.replace(/^hf:(.*)$/, "huggingface.co/$1/resolve/main/model.safetensors");
      expect(findPublished(path)).toBe(entry);
    }
    expect(new Set(PUBLISHED_WEIGHTS.map(({ reference }) => reference)).size).toBe(PUBLISHED_WEIGHTS.length);
    expect(findPublished("mine.pth")).toBeUndefined();
  });
});

test("for a file of torch.save with a moving average, the average is opened, with a note", async () => {
  const state = (scale: number) =>
    Object.fromEntries(
      Array.from(stateOfModel("resnet8"), ([name, { shape }]) => {
        const length = shape.reduce((product, size) => product * size, 1);
        return [`module.${name}`, { shape, values: new Float32Array(length).fill(scale) }];
      }),
    );
  const { pickle, storages } = torchState(state(0.5));
  const other = torchState({ "module.a": { shape: [1], values: new Float32Array(1) } });
  const path = join(temporaryFolder(), "checkpoint.pth.tar");
  const value = pickled.dictionary({ epoch: pickled.integer(3), state_dict: other.pickle, state_dict_ema: pickle });
  writeFileSync(path, torchArchive(pickled.file(value), storages));
  // Both states name their first storage 0, with different lengths.
  expect((await codedRejection(openWeights(path))).message).toContain("describes storage 0 twice");
  writeFileSync(path, torchArchive(pickled.file(pickled.dictionary({ state_dict_ema: pickle })), storages));
  const { specification, tensors, notes } = await openWeights(path);
  expect(specification.name).toBe("resnet8");
  expect(new Float32Array(tensors.get("fc.bias")!.data.buffer)[0]).toBe(0.5);
  expect(notes[0]).toBe("The weights are the moving average, the entry state_dict_ema.");
});
