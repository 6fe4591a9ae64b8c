/** A network, an attack and a corruption in one file of the user's, from the command line: examples/parts.mjs, which docs/extending.md explains. */
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder } from "../support/folders.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = sharedTemporaryFolder();
const file = join(folder, "parts.mjs");
const run = join(folder, "run");
const SHAPES = ["--data", "shapes"];
const SMALL = ["images=320", "validationImages=0", "testImages=40"].flatMap((one) => ["--set", `data.shapes.${one}`]);

function succeeds(...args: string[]): string {
  const { status, stdout, stderr } = advprop(args);
  expect(status, stdout + stderr).toBe(0);
  return stdout + stderr;
}

beforeAll(() => {
  copyFileSync(join(ROOT, "examples/parts.mjs"), file);
  // As where advprop is installed.
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/advprop"));
  const attack = ["--attack", "mi-fgsm", "--set", "attack.decay=0.9", "--epsilon", "2/255"];
  const size = ["--epochs", "1", "--batch-size", "64", "--threads", "1"];
  succeeds("train", "--parts", file, ...SHAPES, ...SMALL, "--model", "mobile-32", ...attack, ...size, "--run", run);
}, 120_000);

describe("a run", () => {
  test("has the attack with its own key in its recipe, and the file with its digest beside it", () => {
    const recipe = parse(readFileSync(join(run, "recipe.yaml"), "utf8"));
    expect(recipe).toMatchObject({
      model: "mobile-32",
      attack: { name: "mi-fgsm", decay: 0.9, epsilon: "2/255", steps: 3 },
    });
    const { parts } = JSON.parse(readFileSync(join(run, "run.json"), "utf8"));
    const names = [
      { kind: "network", name: "mobile-32" },
      { kind: "attack", name: "mi-fgsm" },
    ];
    expect(parts).toEqual([{ file, digest: expect.stringMatching(/^[0-9a-f]{64}$/), parts: names }]);
  });

  test("goes on with the file, trains by two processes, and is the start of another", () => {
    const resumed = succeeds("train", "--resume", "--run", run, "--epochs", "2", "--parts", file);
    expect(resumed).toContain("epoch 2/2");
    expect(resumed).toMatch(/advprop evaluate \S+ --parts \S*parts\.mjs/);
    const ranks = join(folder, "ranks");
    const tuned = [
      "--weights",
      run,
      "--set",
      "finetune.frozenStages=2",
      "--model",
      "mobile-32",
      "--epochs",
      "1",
      "--batch-size",
      "64",
    ];
    const training = ["train", "--parts", file, ...SHAPES, ...SMALL, ...tuned, "--run", ranks];
    expect(succeeds("launch", "--processes", "2", "--", ...training)).toContain("Finished after step 5");
  });

  test("is evaluated under its attack, whose key the command line sets", () => {
    const attack = ["--attack", "mi-fgsm", "--set", "attack.decay=0.5", "--epsilon", "8/255"];
    const flags = ["--parts", file, "--limit-test", "40", "--threads", "1"];
    const plain = JSON.parse(advprop(["evaluate", run, ...flags, "--quiet", "--json", ...attack]).stdout);
    expect(plain.attack).toMatchObject({ name: "mi-fgsm", decay: 0.5, steps: 10, target: "none" });
    expect(plain.robustAccuracy).toBeLessThanOrEqual(plain.accuracy);
    const { status, stderr } = advprop(["evaluate", run, ...flags, "--attack", "mi-fgsm", "--set", "attack.mu=0.5"]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/unknown path attack\.mu\. The keys of mi-fgsm are norm, .*, decay\./);
  });

  test("is exported, and its weights are opened with the file alone", () => {
    expect(succeeds("export", run, "--parts", file, "--to", join(folder, "model.onnx"))).toContain("RGB");
    const weights = join(folder, "model.safetensors");
    succeeds("export", run, "--parts", file, "--format", "web", "--to", join(folder, "page"));
    succeeds("export", run, "--parts", file, "--to", weights);
    expect(succeeds("evaluate", weights, ...SHAPES, "--limit-test", "40", "--parts", file)).toContain("accuracy");
    const { status, stderr } = advprop(["evaluate", weights, ...SHAPES]);
    expect(status).toBe(2);
    expect(stderr).toContain("no model named mobile-32.");
    expect(stderr).toContain("For your own network, give the file that registers it with --parts [ERR_MODEL]");
  });
});

test("attack makes a set and a picture by it, towards a class too", () => {
  const to = join(folder, "attacked");
  const common = ["--parts", file, "--attack", "mi-fgsm", "--threads", "1"];
  succeeds("attack", run, ...common, ...SHAPES, "--limit-test", "10", "--to", to);
  const { madeFrom } = JSON.parse(readFileSync(join(to, "adversarial.json"), "utf8"));
  expect(madeFrom).toMatchObject({ attack: "mi-fgsm", steps: 10 });
  const [label] = readdirSync(to).filter((name) => !name.endsWith(".json"));
  const photo = join(to, label, readdirSync(join(to, label))[0]);
  const picture = join(folder, "picture.png");
  const { from } = JSON.parse(advprop(["attack", run, photo, ...common, "--to", picture, "--json"]).stdout);
  const target = from === "star" ? "ring" : "star";
  const towards = ["--target", target, "--set", "attack.decay=0"];
  expect(succeeds("attack", run, photo, ...common, ...towards, "--to", picture)).toContain(
    "Pixels change by at most 4/255",
  );
  expect(existsSync(picture)).toBe(true);
});

test("corrupt writes a set by worker threads, which an evaluation reads; its mean is none of ImageNet-C", () => {
  const to = join(folder, "noisy");
  succeeds("corrupt", "--parts", file, ...SHAPES, "--corruptions", "salt_and_pepper", "--limit-test", "20", "--to", to);
  expect(readdirSync(to).sort()).toEqual(["corruptions.json", "labels.npy", "salt_and_pepper.npy"]);
  const report = succeeds("evaluate", run, "--parts", file, "--data", to, "--to", join(folder, "report"));
  expect(report).toContain("mean error over the 5 conditions of one corruption");
  expect(report).not.toContain("mean corruption error");
});

test("models lists the network, and marks it", () => {
  expect(succeeds("models", "--parts", file)).toMatch(/^mobile-32 \(registered\) +29,658 /m);
  const listed = JSON.parse(advprop(["models", "--json", "--parts", file]).stdout);
  expect(listed.at(-1)).toMatchObject({ name: "mobile-32", registered: true, imageSize: 32 });
});

test("without the file a run says which one, with another one that it has changed", () => {
  for (const args of [
    ["evaluate", run],
    ["predict", run, "photo.png"],
    ["export", run, "--to", join(folder, "x.onnx")],
  ]) {
    const { status, stderr } = advprop(args);
    expect(status).toBe(2);
    expect(stderr).toContain(`give --parts ${file} [ERR_PARTS]`);
  }
  appendFileSync(file, "// changed\n");
  const note = `Note: the parts in ${file} have changed since the run began`;
  expect(succeeds("evaluate", run, "--parts", file, "--limit-test", "10")).toContain(note);
  expect(succeeds("train", "--resume", "--run", run, "--epochs", "3", "--parts", file)).toContain(note);
});
