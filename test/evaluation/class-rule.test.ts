/** How the classes of models and sets are matched. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InMemoryDataset } from "../../src/data/datasets/dataset.js";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { readClassMap } from "../../src/evaluation/classes/class-map.js";
import { type ClassRule, classRule, knownSet, relabelled, underRule } from "../../src/evaluation/classes/class-rule.js";
import {
  areImagenetClasses,
  displayNames,
  imagenetIndex,
  imagenetSubsets,
  imagenetSynsets,
  namesInImagenetOrder,
} from "../../src/evaluation/classes/imagenet.js";
import { predict } from "../../src/evaluation/predictions.js";
import { shapeBias } from "../../src/evaluation/shape-bias.js";
import { temporaryFolder } from "../support/folders.js";

const SYNSETS = imagenetSynsets();
const set = (classes: readonly string[]) => ({ name: "set", classes });

/** Accuracy under a rule for a model that returns given rows, one per image. Labels are indices into the set's classes. */
async function score(rule: ClassRule, model: readonly string[], labels: number[], rows: readonly number[][]) {
  const classes = Array.from({ length: rule.labels.length }, (_, i) => `folder ${i}`);
  const data = { name: "x", classes, height: 1, width: 1, labels: Int32Array.from(labels) };
  const dataset = new InMemoryDataset({ ...data, pixels: new Uint8Array(3 * labels.length) });
  const images = {
    length: labels.length,
    async *batches(batchSize: number) {
      yield* evaluationBatches(dataset, batchSize);
    },
  };
  const predictor = {
    classes: model,
    imageSize: 1,
    logits: ({ samples }: PixelBatch) => Float32Array.from([...samples].flatMap((i) => rows[i])),
  };
  return predict(underRule(predictor, rule), relabelled(images, rule).batches(2));
}

const zeros = (length: number) => new Array<number>(length).fill(0);
const row = (length: number, values: Readonly<Record<number, number>>) => Object.assign(zeros(length), values);

describe("classes are matched by their names", () => {
  test("the model's own classes in another order, or a part of them: all classes compete", async () => {
    const model = ["cat", "dog", "fox"];
    const rule = classRule(model, set(["fox", "cat"]));
    expect(rule).toMatchObject({ classes: model, labels: [2, 0], columns: undefined });
    const { labels, predicted } = await score(
      rule,
      model,
      [0, 1],
      [
        [0, 1, 2],
        [0, 5, 2],
      ],
    );
    expect([[...labels], [...predicted]]).toEqual([
      [2, 0],
      [2, 1],
    ]);
  });

  test("ImageNet's classes by synset, words or number, whatever their names in the model are", () => {
    const words = SYNSETS.map((_, i) => (i === 1 ? "goldfish, Carassius auratus" : i === 0 ? "Tench" : SYNSETS[i]));
    expect(classRule(words, set(["n01440764", "n01443537"])).labels).toEqual([0, 1]);
    expect(classRule(SYNSETS, set(["goldfish", "tench"])).labels).toEqual([1, 0]);
    const numbers = Array.from({ length: 1000 }, (_, i) => String(i)).sort();
    expect(classRule(SYNSETS, set(numbers)).labels.slice(0, 4)).toEqual([0, 1, 10, 100]);
    // Folders with the model's own names are matched by these.
    expect(classRule(numbers, set(numbers)).labels).toEqual(numbers.map((_, i) => i));
    // For a model of other classes these names are unknown, not synsets.
    const others = numbers.map((number) => `c${number}`);
    expect(() => classRule(others, set(numbers))).toThrow("1000 of 1000 are missing: 0, 1, 10, ...");
    // Ten numbered folders are digits, not fish. "crane" is a bird and a machine.
    expect(() => classRule(SYNSETS, set(numbers.slice(0, 10)))).toThrow("10 of 10 are missing");
    expect(imagenetIndex("crane")).toBeUndefined();
    expect([imagenetIndex("n02012849"), imagenetIndex("n03126707")]).toEqual([134, 517]);
  });

  test("a list in ImageNet's order is recognised, whatever its names are; any other list is not changed", () => {
    const words = SYNSETS.map((_, i) => (i % 2 === 0 ? SYNSETS[i] : `renamed ${i}`));
    expect(namesInImagenetOrder(words)).toEqual(SYNSETS);
    expect(namesInImagenetOrder(["background", ...words])).toEqual(["background", ...SYNSETS]);
    const lines = SYNSETS.map((synset, i) => `${synset} words of class ${i}`);
    expect(namesInImagenetOrder(lines)).toEqual(lines);
    expect(classRule(lines, set([SYNSETS[7]])).labels).toEqual([7]);
    const swapped = SYNSETS.with(3, SYNSETS[4]).with(4, SYNSETS[3]);
    for (const list of [swapped, SYNSETS.slice(1), words.map((_, i) => `c${i}`)]) {
      expect(namesInImagenetOrder(list)).toBeUndefined();
    }
  });

  test("a thousand classes are ImageNet's by their names, not by their number", () => {
    expect(areImagenetClasses(SYNSETS.toReversed())).toBe(true);
    expect(areImagenetClasses(SYNSETS.map((_, i) => `c${i}`))).toBe(false);
    expect(areImagenetClasses(SYNSETS.with(0, SYNSETS[1]))).toBe(false);
    expect(areImagenetClasses(SYNSETS.slice(1))).toBe(false);
  });

  test("for a model with other names than ImageNet's, the message names the setting for ONNX files", () => {
    const model = SYNSETS.map((_, i) => `c${i}`);
    expect(() => classRule(model, set(SYNSETS))).toThrow("in their usual order: `onnx.classes: imagenet`");
  });

  test("the message names a class that the model does not have", () => {
    expect(() => classRule(["cat", "dog"], set(["cat", "wolf"]))).toThrow(/1 of 2 are missing: wolf.*`classMap: FILE`/);
  });
});

describe("sets of ImageNet", () => {
  test.each([
    ["imagenet-a", imagenetSubsets().imagenetA, [6, 988]],
    ["imagenet-r", imagenetSubsets().imagenetR, [1, 988]],
  ] as const)("%s: only its 200 columns compete", async (name, indices, ends) => {
    expect([indices[0], indices[199], indices.length]).toEqual([...ends, 200]);
    const folders = indices.map((index) => SYNSETS[index]);
    expect(knownSet(folders)).toBe(name);
    const rule = classRule(SYNSETS, set(folders));
    expect(rule.columns).toEqual(indices.map((index) => [index]));
    // A class outside of the subset has the largest logit. Within the subset it is the second folder's class.
    const outside = SYNSETS.findIndex((_, index) => !indices.includes(index));
    const { predicted, losses } = await score(rule, SYNSETS, [1], [row(1000, { [outside]: 9, [indices[1]]: 2 })]);
    expect(predicted[0]).toBe(1);
    expect(losses[0]).toBeCloseTo(Math.log(199 + Math.exp(2)) - 2, 5);
    // A model of exactly these classes needs no rule.
    expect(classRule(folders, set(folders)).columns).toBeUndefined();
  });

  test("they share 86 classes", () => {
    const { imagenetA, imagenetR } = imagenetSubsets();
    expect(imagenetA.filter((index) => imagenetR.includes(index))).toHaveLength(86);
  });

  test("a part of ImageNet's folders, as in Sketch or a stylised set: all thousand classes compete", () => {
    const rule = classRule(SYNSETS, set([SYNSETS[3], SYNSETS[900]]));
    expect(rule).toMatchObject({ description: "argmax over all 1000 classes of the model", labels: [3, 900] });
  });
});

describe("texture-shape cue conflict", () => {
  const { cueConflict } = imagenetSubsets();
  const names = Object.keys(cueConflict);
  const [bear, knife] = [names.indexOf("bear"), names.indexOf("knife")];

  test("the mean probability decides, not the sum and not the largest", async () => {
    const rule = classRule(SYNSETS, set(names));
    expect(rule.columns?.map(({ length }) => length)).toEqual([1, 4, 2, 49, 5, 7, 3, 6, 4, 3, 109, 2, 2, 1, 1, 8]);
    // One of four bears has probability 6 p, a knife has 2 p, all others have p: the means are 2.25 p and 2 p.
    const logits = row(1000, { [cueConflict.bear[0]]: Math.log(6), [cueConflict.knife[0]]: Math.log(2) });
    const { predicted, losses } = await score(rule, SYNSETS, [bear], [logits]);
    expect(predicted[0]).toBe(bear);
    expect(losses[0]).toBeCloseTo(-Math.log(2.25 / (2.25 + 2 + 14)), 5);
    // With 3 p the mean of the bears is 1.5 p: the knife wins, although the probability of the one bear is larger.
    const fewer = { ...logits, [cueConflict.bear[0]]: Math.log(3) };
    expect((await score(rule, SYNSETS, [bear], [Object.assign(zeros(1000), fewer)])).predicted[0]).toBe(knife);
  });

  test("shape bias counts images with conflicting cues that are classified as one of them", () => {
    const files = [
      "bear/bear1-knife2.png",
      "bear/bear2-cat1.png",
      "bear/bear3-bear1.png",
      "knife/knife1-bear3.png",
      "odd.png",
    ];
    const classes = ["bear", "cat", "knife"];
    const labels = Int32Array.from([0, 0, 0, 2, 0]);
    const result = shapeBias(
      // Shape, texture, no conflict, neither, and no texture in the name.
      { classes, labels, predicted: Int32Array.from([0, 1, 0, 1, 0]) },
      files,
    );
    expect(result).toEqual({ count: 3, shape: 1 / 3, texture: 1 / 3, shapeBias: 0.5, textureBias: 0.5 });
    expect(shapeBias({ classes, labels, predicted: labels }, files)?.shapeBias).toBe(1);
    expect(shapeBias({ classes, labels, predicted: labels }, zeros(5).map(String))).toBeUndefined();
  });
});

describe("class maps", () => {
  const MODEL = ["tabby", "siamese", "poodle", "wolf"];
  const write = (name: string, text: string) => {
    const path = join(temporaryFolder(), name);
    writeFileSync(path, text);
    return path;
  };
  const yaml = (text: string) => readClassMap(write("map.yaml", text));

  test("one class per folder: all classes of the model compete, and the model can be attacked", () => {
    const rule = classRule(MODEL, set(["dogs", "wolves"]), yaml("dogs: poodle\nwolves: wolf\n"));
    expect(rule).toMatchObject({ classes: MODEL, labels: [2, 3], columns: undefined });
  });

  test("lists: their probabilities are added, and the other classes compete", async () => {
    const map = readClassMap(
      write("map.json", '{"cats": ["tabby", "siamese"], "wolves": "wolf", "kittens": ["siamese", "tabby"]}'),
    );
    const rule = classRule(MODEL, set(["cats", "kittens", "wolves"]), map);
    expect(rule.classes).toEqual(["cats", "wolves", "poodle"]);
    const rows = [
      [1, 1, 1.5, 0],
      [1, 1, 2, 0],
      [1, 1, 1.5, 0],
    ];
    const { predicted, labels, losses } = await score(rule, MODEL, [0, 2, 1], rows);
    // 2 e^1 > e^1.5, but less than e^2.
    expect([[...predicted], [...labels]]).toEqual([
      [0, 2, 0],
      [0, 1, 0],
    ]);
    expect(losses[0]).toBeCloseTo(Math.log(2 * Math.E + Math.exp(1.5) + 1) - Math.log(2 * Math.E), 5);
  });

  test("decide: mapped leaves out the other classes", async () => {
    const rule = classRule(
      MODEL,
      set(["cats", "wolves"]),
      yaml("decide: mapped\nclasses:\n  cats: [tabby, siamese]\n  wolves: wolf\n"),
    );
    const { predicted } = await score(
      rule,
      MODEL,
      [0, 1],
      [
        [3, 0, 9, 1],
        [2, 2, 9, 2.5],
      ],
    );
    expect([...predicted]).toEqual([0, 1]);
  });

  test("a folder can have the name of a property of every object", () => {
    expect(() => classRule(MODEL, set(["constructor"]), yaml("cats: tabby"))).toThrow("none for constructor");
  });

  test.each([
    ["cats: [tabby]\nwolves: wulf", "1 of 1 are missing: wulf"],
    ["cat: tabby\nwolves: wolf", "none for cats. Did you mean cat?"],
    ["cats: [tabby, siamese]\nwolves: [siamese, wolf]", "Add decide: mapped"],
    ["cats: 3\nwolves: wolf", "or a list of classes, for each folder; cats"],
    ["- cats", "or a list of classes, for each folder"],
    ["decide: some\nclasses: { cats: tabby }", "decide"],
    ["cats: [", "map.yaml"],
    ["{}", "none for cats"],
  ])("refuses %j", (text, message) => {
    expect(() => classRule(MODEL, set(["cats", "wolves"]), yaml(text))).toThrow(message);
  });
});

test("classes are displayed by their first word, and by more where it is that of another class", () => {
  const all = displayNames(SYNSETS);
  expect(new Set(all).size).toBe(1000);
  expect([0, 134, 264, 474, 517, 638, 639].map((i) => all[i])).toEqual([
    "tench",
    "crane (n02012849)",
    "cardigan, cardigan welsh corgi",
    "cardigan",
    "crane (n03126707)",
    "maillot",
    "maillot, tank suit",
  ]);
  expect(displayNames([SYNSETS[517], SYNSETS[639], "pear"])).toEqual(["crane", "maillot", "pear"]);
  expect(displayNames([SYNSETS[517], "crane"])).toEqual(["crane (n03126707)", "crane"]);
});
