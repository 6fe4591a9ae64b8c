/** The commands with weights of other code bases. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openStartWeights } from "../../src/api/training/start-weights.js";
import { runImport } from "../../src/cli/run-import.js";
import { architecture } from "../../src/models/registry.js";
import { buildLearner } from "../../src/recipes/build/build.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import { COUNTER, layoutOf } from "../../src/weights/layout.js";
import { openWeights } from "../../src/weights/open.js";
import { advprop } from "../support/cli.js";
import { codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { pickled, torchArchive, torchState } from "../support/torch-files.js";

/** A torch.save file of a network with constant weights, with the tensor names of ports for CIFAR. */
function savedNetwork(name: string, fileName: string): string {
  const layout = [...layoutOf(architecture(name), 10, [])].filter(([key]) => !key.endsWith(COUNTER));
  const state = layout.map(([key, shape], i) => {
    const values = new Float32Array(shape.reduce((product, length) => product * length, 1)).fill((i + 1) / 100);
    return [`module.${key.replace(/^fc\./, "linear.")}`, { shape, values }] as const;
  });
  const { pickle, storages } = torchState(Object.fromEntries(state));
  const path = join(temporaryFolder(), fileName);
  writeFileSync(path, torchArchive(pickled.file(pickled.dictionary({ state_dict: pickle })), storages));
  return path;
}

describe("models import", () => {
  test("writes an advprop file with the same weights and their preprocessing", async () => {
    const from = savedNetwork("resnet8", "w.th");
    const to = join(temporaryFolder(), "w.safetensors");
    const result = await runImport(from, to, { preset: "none" });
    expect(result).toMatchObject({ file: to, from, model: "resnet8" });
    const [before, after] = [await openWeights(from), await openWeights(to)];
    expect(after.notes).toEqual([]);
    expect(after.specification.normalization).toEqual({ mean: [0, 0, 0], deviation: [1, 1, 1] });
    expect(after.specification.view).toEqual(before.specification.view);
    expect(after.tensors.size).toBe(before.tensors.size);
    for (const [name, { data }] of before.tensors) {
      expect([name, Buffer.compare(after.tensors.get(name)!.data, data)]).toEqual([name, 0]);
    }
    expect((await codedRejection(runImport(to, join(to, "..", "again.safetensors"), {}))).code).toBe("ERR_IMPORT");
    expect((await codedRejection(openWeights(to, { preset: "half" }))).code).toBe("ERR_PRESET");
    expect((await codedRejection(openWeights(to, { model: "resnet20" }))).code).toBe("ERR_WEIGHTS");
  });

  test("does not overwrite the file that it converts, nor any that is no .safetensors", async () => {
    const from = savedNetwork("resnet8", "w.th");
    const link = join(temporaryFolder(), "w.safetensors");
    symlinkSync(from, link);
    for (const to of [from, link]) {
      expect(await codedRejection(runImport(from, to, {}))).toMatchObject({ code: "ERR_PATH", exitCode: 2 });
    }
    expect((await openWeights(from)).specification.name).toBe("resnet8");
  });

  test("the command prints what was recognised, and JSON", () => {
    const from = savedNetwork("resnet8", "w.th");
    const to = join(temporaryFolder(), "w.safetensors");
    const { status, stdout, stderr } = advprop(["models", "import", from, "--to", to, "--json"]);
    expect([status, JSON.parse(stdout).model]).toEqual([0, "resnet8"]);
    expect(stderr).toContain("is resnet8, under the names of ports for CIFAR");
    expect(existsSync(to)).toBe(true);
  });
});

test("models --published lists references with presets, accuracies and what was checked", () => {
  const { stdout } = advprop(["models", "--published"]);
  expect(stdout).toMatch(
    /efficientnet-b7\s+advprop\s+85\.2 %\s+family\s+AdvProp.*https:\/\/.*tf_efficientnet_b7_ap-ddb28fec\.pth\n/,
  );
  expect(stdout).toMatch(/resnet20\s+imagenet\s+91\.7 %\s+file/);
});

describe("a run that starts from weights of another code base", () => {
  test("has the network, normalisation, crop rule and body of the weights; the head is new", async () => {
    const weights = savedNetwork("resnet8", "w.th");
    const { recipe, source } = await openStartWeights({ finetune: { weights }, method: "advprop" }, () => {});
    expect(recipe.model).toBe("resnet8");
    const data = { classes: ["a", "b"], imageSize: 32, whole: false, preview: async () => ({}) as never };
    const { model, transfer } = await buildLearner(
      resolveRecipe({ ...recipe, method: "vanilla" }),
      data,
      undefined,
      undefined,
      source,
    );
    expect(transfer?.headReplaced).toBe(true);
    expect(model.specification.normalization.mean).toEqual([0.485, 0.456, 0.406]);
    expect(model.specification.view).toEqual(source?.specification.view);
    expect(model.network.state().get("conv1.weight")!.toNumbers()[0]).toBeCloseTo(0.01, 6);
  });

  test("keeps a network and a size that the recipe names", async () => {
    const weights = savedNetwork("resnet8", "w.th");
    const path = temporaryFolder();
    for (const name of ["a", "b"]) {
      mkdirSync(join(path, name));
      writeFileSync(join(path, name, "1.jpg"), "");
    }
    const asked = { model: "resnet20", finetune: { weights }, data: { path, imageSize: 48 } };
    expect((await openStartWeights(asked, () => {})).recipe).toMatchObject({
      model: "resnet20",
      data: { imageSize: 48 },
    });
    const open = { finetune: { weights }, data: { path } };
    expect((await openStartWeights(open, () => {})).recipe).toMatchObject({
      model: "resnet8",
      data: { imageSize: 32 },
    });
  });
});
