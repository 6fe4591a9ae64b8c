/** The export command as a user sees it: the built program, its files, its errors. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { exportModel } from "../../src/api/export/export-model.js";
import { preprocessingOf } from "../../src/export/preprocessing.js";
import { importWeights } from "../../src/export/safetensors.js";
import { readOnnxMetadata } from "../../src/predictors/onnx/onnx-metadata.js";
import { resolveRecipe, stringifyRecipe } from "../../src/recipes/resolve.js";
import { METHODS } from "../../src/recipes/schema.js";
import { decodeSafetensors } from "../../src/runs/safetensors.js";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";

const BLOCK = fileURLToPath(new URL("../support/block-addon.cjs", import.meta.url));

describe("export", () => {
  const folder = sharedTemporaryFolder();
  const run = join(folder, "run");
  const data = join(folder, "data");

  beforeAll(() => {
    const records = Array.from({ length: 32 }, (_, i) =>
      cifarRecord([i % 10], (row, column) => (8 * row + i * column) % 256),
    );
    writeCifar10(data, Buffer.concat(records));
    const flags = [
      "--limit-train",
      "32",
      "--batch-size",
      "16",
      "--epochs",
      "1",
      "--attack-steps",
      "1",
      "--threads",
      "1",
    ];
    const { status, stderr } = advprop(["train", "--data", data, ...flags, "--epsilon", "2/255", "--run", run]);
    expect(status, stderr).toBe(0);
  });

  test("writes a file that evaluates like the run", () => {
    const file = join(temporaryFolder(), "weights.safetensors");
    const { status, stdout, stderr } = advprop(["export", run, "--to", file, "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const from = join(run, "checkpoints", "last.safetensors");
    const bytes = statSync(file).size;
    const result = { file, from, model: "resnet20", tensors: 116, routes: ["main"], bytes };
    expect(JSON.parse(stdout)).toMatchObject(result);
    const { specification, metadata } = importWeights(file);
    const { preprocessing } = JSON.parse(stdout);
    expect(preprocessing).toEqual(preprocessingOf(specification));
    const entries = decodeSafetensors(readFileSync(file), file).metadata;
    expect(JSON.parse(entries["advprop.preprocessing"])).toEqual(preprocessing);
    expect(specification).toMatchObject({ name: "resnet20", routes: [] });
    expect(specification.classes).toContain("airplane");
    expect(metadata).toEqual({ method: "advprop", epsilon: 2 / 255 });

    const [ofRun, ofFile] = [run, file].map((model) =>
      JSON.parse(advprop(["evaluate", model, "--data", data, "--limit-test", "32", "--threads", "1", "--json"]).stdout),
    );
    expect(ofFile.loss).toBe(ofRun.loss);
  });

  test("writes an ONNX file that evaluates like the run, without settings and without libtorch", () => {
    const file = join(temporaryFolder(), "model.onnx");
    const evaluated = (model: string, env = {}) => {
      const flags = ["--data", data, "--limit-test", "32", "--threads", "1", "--json", "--quiet"];
      const { status, stdout, stderr } = advprop(["evaluate", model, ...flags], env);
      expect(status, stderr).toBe(0);
      return JSON.parse(stdout);
    };
    const ofRun = evaluated(run);
    const { status, stdout, stderr } = advprop(["export", run, "--to", file]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/model\.onnx: resnet20, \d\.\d MB \(from .*last\.safetensors\)\n/);
    expect(stdout).toMatch(
      /\nOn 8 images, cifar10, the logits of ONNX Runtime differ by at most \d\.\de-\d+ of the largest logit/,
    );
    expect(stdout).toContain(
      "\n  input images: uint8 [N, 32, 32, 3], the bytes as they are; the graph normalises them\n",
    );
    const facts = JSON.parse(readOnnxMetadata(file).get("advprop") ?? "");
    const accuracy = { value: ofRun.accuracy, images: 32, data: "cifar10", split: "test" };
    expect(facts).toEqual({ model: "resnet20", method: "advprop", epsilon: 2 / 255, accuracy });

    const ofFile = evaluated(file, { NODE_OPTIONS: `--require ${BLOCK}` });
    expect(ofFile.accuracy).toBe(ofRun.accuracy);
    expect(ofFile.loss).toBeCloseTo(ofRun.loss, 4);
  });

  test.each(METHODS)("records an epsilon for %s only if it has one", async (method) => {
    // The same weights beside the recipe of another method, as this version and as an earlier one wrote it.
    const other = temporaryFolder();
    mkdirSync(join(other, "checkpoints"));
    const weights = join(other, "checkpoints", "last.safetensors");
    copyFileSync(join(run, "checkpoints", "last.safetensors"), weights);
    copyFileSync(join(run, "run.json"), join(other, "run.json"));
    const attacks = !method.startsWith("vanilla") && method !== "clean-copy";
    const policy = { data: { augmentation: { autoAugment: "v0" as const } } };
    for (const text of [
      stringifyRecipe(resolveRecipe({ method, ...policy, ...(attacks && { attack: { epsilon: "3/255" } }) })),
      `method: ${method}\ndata: ${JSON.stringify(policy.data)}\nattack: { name: pgd, epsilon: 3/255, stepSize: 1/255, steps: 4 }\n`,
    ]) {
      writeFileSync(join(other, "recipe.yaml"), text);
      const file = join(other, "weights.safetensors");
      await exportModel(weights, file);
      expect(importWeights(file).metadata).toEqual(attacks ? { method, epsilon: 3 / 255 } : { method });
    }
  });

  test("keeps the auxiliary routes with --auxiliary, and says so", () => {
    const file = join(temporaryFolder(), "weights.safetensors");
    const from = join(run, "checkpoints", "last.safetensors");
    const { status, stdout } = advprop(["export", from, "--to", file, "--auxiliary"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/: resnet20, 211 tensors, \d\.\d MB, main and aux \(from .*last\.safetensors\)\n/);
    expect(stdout.split("\n").slice(1)).toEqual([
      "A program that uses the file must do this (the file's metadata says it too):",
      "  images: RGB, short side resized to 32 pixels (bicubic, with antialiasing), then the central 32 x 32",
      "  pixels: byte / 255, minus the mean 0.4914, 0.4822, 0.4465, divided by the deviation 0.247, 0.2435, 0.2616, " +
        "not ImageNet's usual 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225",
      "  outputs: logits of 10 classes in this order: airplane, automobile, bird, cat, deer, ... truck",
      "",
    ]);
    expect(importWeights(file).specification.routes).toEqual(["aux"]);
  });

  test.each([
    ["a folder that is no run", "", ["--to", "x.safetensors"], "is not the folder of a run"],
    ["another format", "run", ["--to", "x.bin"], "must name a file that ends in .onnx or .safetensors; got x.bin"],
    ["a step that was not kept", "run", ["--to", "x.safetensors", "--checkpoint", "7"], "there is no checkpoint"],
    [
      "an unknown checkpoint",
      "run",
      ["--to", "x.safetensors", "--checkpoint", "first"],
      "must be last, best or the step",
    ],
  ])("refuses %s", (_, model, flags, message) => {
    const result = advprop(["export", join(folder, model), ...flags]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(message);
    expect(existsSync("x.safetensors")).toBe(false);
  });

  test("refuses to overwrite its checkpoint", () => {
    const checkpoint = join(run, "checkpoints", "last.safetensors");
    const bytes = statSync(checkpoint).size;
    const result = advprop(["export", checkpoint, "--to", checkpoint]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain("holds the checkpoints of a run");
    expect(statSync(checkpoint).size).toBe(bytes);
  });
});
