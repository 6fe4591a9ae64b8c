/**
 * Export and import of weights. That Python loads the files was checked with test/golden/scripts/check_weights.py (PyTorch
 * 1.13). Files of resnet20, wide-resnet-10-2 and efficientnet-b0, with and without an auxiliary route, were loaded into
 * plain PyTorch modules by load_state_dict(strict=True). The logits of two images were equal to the 6 printed digits.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { exportWeights, importWeights } from "../../src/export/safetensors.js";
import type { Classifier } from "../../src/models/classifier.js";
import { createClassifier } from "../../src/models/registry.js";
import { loadState } from "../../src/models/weights.js";
import { EVAL, MAIN_ROUTE, TRAIN } from "../../src/nn/context.js";
import { isAuxiliary } from "../../src/nn/routed-batch-norm.js";
import { Purpose } from "../../src/random.js";
import { encodeSafetensors } from "../../src/runs/safetensors.js";
import { fromArray, scope, type Tensor } from "../../src/tensor/index.js";
import { keyedUniform } from "../../src/tensor/operators.js";
import { codedError } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { fingerprint } from "../support/training.js";

const CLASSES = ["cat", "dog", 'quoted "fish"'];
const SIZE = 16;
const noise = (samples: Tensor): Tensor =>
  keyedUniform(samples, [3, SIZE, SIZE], { seed: 0, epoch: 0, purpose: Purpose.synthesis });

/** Passes some images through every route, so that no running statistic keeps its initial value. */
function passEachRoute(model: Classifier): void {
  for (const [i, route] of model.routes.entries()) {
    scope(() => {
      const samples = fromArray([10 * i, 10 * i + 1, 10 * i + 2], [3], "int64");
      model.forward(noise(samples), { ...TRAIN, route, keys: { seed: 0, epoch: 0, samples } });
    });
  }
}

const logits = (model: Classifier): number[] =>
  scope(() => model.forward(noise(fromArray([1, 2], [2], "int64")), { ...EVAL, route: MAIN_ROUTE }).toNumbers());

/** The classifier that a file describes. */
function build(path: string, seed: number): Classifier {
  const { specification, tensors } = importWeights(path);
  const model = createClassifier(specification.name, specification).initialize(seed);
  loadState(model.network.state(), tensors, path);
  return model;
}

describe.each(["resnet20", "wide-resnet-10-2", "efficientnet-b0"])("weights of %s", (name) => {
  let model: Classifier;
  beforeAll(() => {
    model = createClassifier(name, { classes: CLASSES, routes: ["aux", "augmented"], imageSize: SIZE }).initialize(1);
    passEachRoute(model);
  });

  test("are imported bit for bit with their auxiliary routes", () => {
    const folder = temporaryFolder();
    const path = join(folder, "weights.safetensors");
    const metadata = { method: "advprop", epsilon: 0.5, norm: "l2" } as const;
    exportWeights(model, path, { auxiliary: true, metadata });
    const imported = importWeights(path);
    expect(imported.specification).toEqual(model.specification);
    expect(imported.metadata).toEqual(metadata);

    const again = build(path, 2);
    expect(fingerprint(again)).toBe(fingerprint(model));
    const second = join(folder, "again.safetensors");
    exportWeights(again, second, { auxiliary: true, metadata });
    expect(readFileSync(second).equals(readFileSync(path))).toBe(true);
  });

  test("without auxiliary routes are those of the plain network", () => {
    const path = join(temporaryFolder(), "weights.safetensors");
    exportWeights(model, path, { auxiliary: false });
    const { specification, metadata, tensors } = importWeights(path);
    expect(specification).toEqual({ ...model.specification, routes: [] });
    expect(metadata).toEqual({});
    expect([...tensors.keys()]).toEqual([...model.network.state().keys()].filter((key) => !isAuxiliary(key)));
    expect(logits(build(path, 2))).toEqual(logits(model));
  });
});

describe("importWeights refuses", () => {
  const fileWith = (metadata: Record<string, string> | undefined): string => {
    const path = join(temporaryFolder(), "weights.safetensors");
    writeFileSync(path, Buffer.concat(encodeSafetensors(new Map(), metadata)));
    return path;
  };

  test("a missing file", () => {
    expect(codedError(() => importWeights("/no/such.safetensors"))).toMatchObject({ code: "ERR_WEIGHTS_MISSING" });
  });

  test("a file that is not safetensors", () => {
    const path = join(temporaryFolder(), "weights.safetensors");
    writeFileSync(path, "weights");
    expect(codedError(() => importWeights(path))).toMatchObject({ code: "ERR_SAFETENSORS" });
  });

  test.each([
    ["no metadata", undefined, "has no entry advprop"],
    ["another program's metadata", { format: "pt" }, "has no entry advprop"],
    ["damaged metadata", { advprop: "{" }, "is not JSON"],
    [
      "metadata without classes",
      { advprop: JSON.stringify({ specification: { name: "resnet20" } }) },
      "specification.classes",
    ],
  ])("a file with %s", (_, metadata, reason) => {
    const { code, message } = codedError(() => importWeights(fileWith(metadata)));
    expect(code).toBe("ERR_WEIGHTS");
    expect(message).toContain("was not exported by advprop");
    expect(message).toContain(reason);
  });
});
