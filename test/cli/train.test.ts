/** The train and evaluate commands as a user sees them: the built program, its files, its errors. */
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { picture, writePicture } from "../support/photos.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const STEPS = ["--limit-train", "48", "--batch-size", "16", "--epochs", "2", "--threads", "1"];

const TWO_SAME_VIEWS = [
  ...["--method", "vanilla-two-views"],
  ...["--set", "data.augmentation.crop=0", "--set", "data.augmentation.flip=false"],
];

/** Sixty-four images in the colour of their class, then black ones. */
function writeData(folder = temporaryFolder()): string {
  const records = Array.from({ length: 64 }, (_, i) =>
    cifarRecord([i % 10], (row, column, channel) => (20 * (i % 10) + 37 * channel + row * column + i) % 256),
  );
  writeCifar10(folder, Buffer.concat(records));
  return folder;
}

/** The bytes of a run's last checkpoint. */
const last = (run: string) => readFileSync(join(run, "checkpoints", "last.safetensors")).toString("base64");

describe("train", () => {
  test("trains, refuses the folder a second time, evaluates clean and attacked, through both routes", () => {
    const data = writeData();
    const run = join(temporaryFolder(), "run");
    const trained = advprop(["train", "--data", data, ...STEPS, "--run", run, "--json", "--attack-steps", "1"]);
    expect(trained.stderr).toContain("advprop of resnet20 on 48 images of cifar10");
    expect(trained.stderr).toContain(`Evaluate with: advprop evaluate ${run}\n`);
    expect(trained.status).toBe(0);
    expect(JSON.parse(trained.stdout)).toMatchObject({ run, status: "finished", step: 6 });
    expect(readdirSync(run).sort()).toEqual(
      [
        "README.txt",
        "batch-norm-drift.jsonl",
        "checkpoints",
        "environment.json",
        "evaluation",
        "images",
        "metrics.csv",
        "metrics.jsonl",
        "recipe.yaml",
        "report.html",
        "run.json",
      ].sort(),
    );
    const pictures = [1, 2].flatMap((epoch) => [`epoch-000${epoch}.json`, `epoch-000${epoch}.png`]);
    expect(readdirSync(join(run, "images")).sort()).toEqual(pictures);
    // No terminal: a line for each epoch, without colours.
    const epochs = trained.stderr.split("\n").filter((line) => line.startsWith("epoch"));
    expect(epochs).toHaveLength(2);
    expect(epochs[0]).toMatch(
      /^epoch 1\/2 {2}clean loss \d\.\d{3} {2}adversarial loss \d\.\d{3} {2}\d+ images\/s .* left$/,
    );
    expect(trained.stderr).not.toContain("\x1b");
    expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8"))).toMatchObject({ status: "finished" });

    const again = advprop(["train", "--data", data, ...STEPS, "--run", run]);
    expect(again.status).toBe(2);
    expect(again.stderr).toContain("--resume");

    const attack = ["--attack", "pgd", "--epsilon", "8/255", "--attack-steps", "3"];
    const evaluated = advprop(["evaluate", run, "--limit-test", "64", "--json", ...attack]);
    expect(evaluated.stderr).toMatch(/Saved .*\.json and its confusion matrix, .*\.png/);
    const result = JSON.parse(evaluated.stdout);
    expect(result).toMatchObject({ count: 64, route: "main", attack: { name: "pgd", steps: 3, target: "none" } });
    expect(result).toMatchObject({ model: { kind: "advprop", access: "white-box" }, data: { split: "test" } });
    expect(result.protocol).toMatchObject({ imageSize: 32, images: "images: 32 x 32 as they are" });
    expect(result.accuracy).toBeGreaterThanOrEqual(0);
    expect(result.robustAccuracy).toBeLessThanOrEqual(result.accuracy);
    expect(result.robustness.attacks).toMatchObject([{ name: "pgd", outside: 0 }]);
    expect(readdirSync(join(run, "evaluation")).map(extname).sort()).toEqual(["", ".json", ".png"]);

    const auxiliary = advprop(["evaluate", run, "--limit-test", "64", "--json", "--route", "aux"]);
    const throughAux = JSON.parse(auxiliary.stdout);
    expect(throughAux.route).toBe("aux");
    expect(throughAux.loss).not.toBe(result.loss);
    expect(throughAux).not.toHaveProperty("robustAccuracy");
  });

  test("photos without a recipe and a model get the recipe for photos, with enough updates, and both are printed", async () => {
    const folder = temporaryFolder();
    for (let i = 0; i < 40; i++) await writePicture(join(folder, "photos", i % 2 ? "a" : "b", `${i}.png`), picture(i));
    const run = join(folder, "run");
    const short = ["--image-size", "32", "--method", "vanilla", "--epochs", "1", "--threads", "1"];
    const { status, stderr } = advprop(["train", "--data", join(folder, "photos"), ...short, "--run", run]);
    expect(status, stderr).toBe(0);
    expect(stderr.split("\n")[0]).toMatch(
      /using the recipe photos, efficientnet-lite0 at 32 pixels, from random weights\..* add --weights hf:timm\/tf_efficientnet_lite0/,
    );
    expect(stderr).toMatch(
      /mini-batches of 32, .* The mini-batch is therefore 8 images .* the learning rate 0.0025 instead of 0.01/,
    );
    const { model, method, training, optimizer } = parse(readFileSync(join(run, "recipe.yaml"), "utf8"));
    expect([model, method, training.batchSize, optimizer.lr]).toEqual(["efficientnet-lite0", "vanilla", 8, 0.0025]);
  });

  test("the recipe for photos, given by name, takes the network of the weights, unless another is given", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "photos");
    for (let i = 0; i < 24; i++) await writePicture(join(data, i % 2 ? "a" : "b", `${i}.png`), picture(i));
    const one = ["--image-size", "32", "--method", "vanilla", "--epochs", "1", "--threads", "1", "--data", data];
    const first = join(folder, "first");
    expect(advprop(["train", "--model", "resnet8", ...one, "--batch-size", "8", "--run", first]).status).toBe(0);
    const second = advprop(["train", "photos", "--weights", first, ...one, "--run", join(folder, "second")]);
    expect(second.status, second.stderr).toBe(0);
    expect(second.stderr.split("\n")[0]).toBe("Using the recipe photos, the network of the weights at 32 pixels.");
    expect(parse(readFileSync(join(folder, "second", "recipe.yaml"), "utf8")).model).toBe("resnet8");
    const other = advprop(["train", "photos", "--model", "resnet20", "--weights", first, ...one]);
    expect([other.status, other.stderr]).toEqual([2, expect.stringContaining("the weights are of resnet8")]);
  });

  test("the same command gives the same bytes; vanilla has no auxiliary norms", () => {
    const data = writeData();
    const folder = temporaryFolder();
    for (const name of ["a", "b"])
      advprop(["train", "--data", data, ...STEPS, "--method", "vanilla", "--run", join(folder, name)]);
    expect(last(join(folder, "a"))).toBe(last(join(folder, "b")));
    expect(readFileSync(join(folder, "a", "checkpoints", "last.safetensors"), "latin1")).not.toContain("aux_bn");
  });

  test.each([
    [["--epsilon", "8"], "--epsilon 8: attack.epsilon must be in (0, 1)"],
    [["--epsilon", "8"], "Did you mean 8/255?"],
    [["--model", "resnet21"], "Did you mean resnet2"],
    [["--method", "advprob"], "Did you mean advprop?"],
    [["--set", "optimizer.momentun=0.9"], "optimizer.momentum"],
    [["--batch-size", "100"], "advprop: --batch-size must be at most 48"],
    [["--data", "/nowhere"], "/nowhere"],
    [["--image-size", "64"], "got --image-size 64. Leave it out"],
    [["--set", "training.earlyStoppingEpochs=2"], "Add --validation-fraction"],
    [["--workers", "2", "--on-bad-image", "skip"], "--workers 2: data.workers has no effect on the images of"],
    [["--workers", "2", "--on-bad-image", "skip"], "--on-bad-image skip: data.onBadImage has no effect"],
    [["--set", "data.shapes.images=10"], "--set data.shapes.images=10: data.shapes.images has no effect"],
    [["--set", "training.evaluateEveryEpochs=5"], "or add --validation-fraction 0.1"],
    [[...TWO_SAME_VIEWS], "Add --set data.augmentation.crop=4, --set data.augmentation.flip=true"],
    [["--set", "training.accumulationSteps=4"], "an epoch has only 3"],
    [["--batch-size", "48", "--memory-limit", "40MB"], "Use a batch of at most"],
  ])("refuses %j and leaves no folder", (flags, message) => {
    const data = writeData();
    const run = join(temporaryFolder(), "run");
    const result = advprop(["train", "--data", data, ...STEPS, "--run", run, ...flags]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toContain("    at ");
    expect(existsSync(run)).toBe(false);
  });

  test("a baseline with an average, accumulation and an automatic batch is trained and evaluated", () => {
    const run = join(temporaryFolder(), "run");
    const settings = ["training.accumulationSteps=2", "training.averageDecay=0.9", "optimizer.name=rmsprop"];
    const trained = advprop([
      ...["train", "--data", writeData(), ...STEPS, "--run", run, "--method", "mixture", "--attack", "fgsm"],
      ...["--batch-size", "auto", ...settings.flatMap((setting) => ["--set", setting])],
    ]);
    // An update of two mini-batches of 128 would take more than the 48 images; FGSM costs two thirds of a pass, and two follow.
    expect(trained.stderr).toContain(
      "Batch size auto: an update is a mini-batch of 32 images; the learning rate is 0.002 instead of 0.016, because 0.016 is for 256",
    );
    expect(trained.stderr).toMatch(/A batch of 32 needs about \d+ MB of \d+\.\d\d GB memory; a step costs 2\.67 times/);
    expect(trained.status).toBe(0);
    expect(readFileSync(join(run, "recipe.yaml"), "utf8")).toContain("batchSize: 32");
    const evaluated = advprop(["evaluate", run, "--limit-test", "64", "--json"]);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ count: 64 });
  });

  test("saves and stops when its time budget is used up", () => {
    const run = join(temporaryFolder(), "run");
    const flags = ["train", "--data", writeData(), ...STEPS, "--method", "vanilla", "--run", run, "--json"];
    const stopped = advprop([...flags, "--set", "training.timeBudgetHours=1e-9"]);
    expect(stopped.status).toBe(0);
    expect(stopped.stderr).toContain(`The time budget is used up: stopped after step 1; saved.`);
    expect(JSON.parse(stopped.stdout)).toMatchObject({ status: "stopped", reason: "time budget", step: 1 });
    expect(advprop(["train", "--run", run, "--resume"]).stderr).toContain("stopped after step 2");
  });

  test("a memory limit that is too small is an error, not a kill", () => {
    const run = join(temporaryFolder(), "run");
    const result = advprop(["train", "--data", writeData(), ...STEPS, "--run", run, "--memory-limit", "10MB"]);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("--memory-limit");
  });
});

describe("a run that is stopped or killed", () => {
  const shared = sharedTemporaryFolder();
  let data: string;
  let reference: string;
  const flags = () => [
    "train",
    "--data",
    data,
    ...STEPS,
    "--attack-steps",
    "1",
    "--set",
    "training.checkpointEverySteps=1",
  ];
  beforeAll(() => {
    data = writeData(join(shared, "data"));
    const run = join(shared, "run");
    expect(advprop([...flags(), "--run", run]).status).toBe(0);
    reference = last(run);
  }, 60_000);

  test.each([
    "last.safetensors:writing:1",
    "last.safetensors:writing:40",
    "last.safetensors:written:2",
    "last.safetensors:renamed:3",
    "last.json:written:4",
    "run.json:writing:1",
  ])("kill -9 at %s, resumed, gives the same final weights", (point) => {
    const run = join(temporaryFolder(), "run");
    const killed = advprop([...flags(), "--run", run], { ADVPROP_FAULT_POINT: point });
    // A run that was killed before it had a run.json is empty, so a new run is started elsewhere.
    const resumed = existsSync(join(run, "run.json"))
      ? advprop(["train", "--run", run, "--resume"])
      : advprop([...flags(), "--run", `${run}-again`]);
    expect(killed.status).toBeNull();
    expect(resumed.stderr).toContain("Finished");
    expect(last(existsSync(`${run}-again`) ? `${run}-again` : run)).toBe(reference);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s finishes the step, saves and says how to resume", async (signal) => {
    const run = join(temporaryFolder(), "run");
    const child = spawn(process.execPath, [MAIN, ...flags(), "--run", run], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    const closed = new Promise((resolve) => child.on("close", resolve));
    while (!existsSync(join(run, "checkpoints", "last.json")) && child.exitCode === null) await setTimeout(5);
    child.kill(signal);
    const code = await closed;
    expect(stderr).toContain(`advprop train --run ${run} --resume`);
    expect(code).toBe(1);
    expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8"))).toMatchObject({ status: "stopped" });

    const resumed = advprop(["train", "--run", run, "--resume"]);
    expect(resumed.status).toBe(0);
    expect(last(run)).toBe(reference);
  });

  test("a run of a living process cannot be resumed; a resume is recorded", async () => {
    const run = join(temporaryFolder(), "run");
    const child = spawn(process.execPath, [MAIN, ...flags(), "--epochs", "400", "--run", run], { stdio: "ignore" });
    try {
      while (!existsSync(join(run, "checkpoints", "last.safetensors"))) await setTimeout(50);
      const halfWritten = join(run, "checkpoints", ".mine.tmp");
      writeFileSync(halfWritten, "");
      const other = advprop(["train", "--run", run, "--resume"]);
      expect(other.status).toBe(2);
      expect(other.stderr).toContain(`being written by process ${child.pid}`);
      expect(existsSync(halfWritten)).toBe(true);
      expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8"))).toMatchObject({
        status: "running",
        resumedAt: [],
      });
    } finally {
      const closed = new Promise((resolve) => child.on("close", resolve));
      child.kill("SIGKILL");
      await closed;
    }
  });

  test("a resume takes no other recipe, is recorded, and needs no weights that the run began with", () => {
    const folder = temporaryFolder();
    const first = join(folder, "first");
    advprop([...flags(), "--run", first]);
    const weights = join(folder, "start.safetensors");
    copyFileSync(join(first, "checkpoints", "last.safetensors"), weights);
    const run = join(folder, "run");
    const fault = { ADVPROP_FAULT_POINT: "last.safetensors:renamed:2" };
    advprop([...flags(), "--weights", weights, "--run", run], fault);
    rmSync(weights);
    const other = advprop(["train", "--run", run, "--resume", "--seed", "1"]);
    expect(other.status).toBe(2);
    expect(other.stderr).toContain("leave out --seed");
    const resumed = advprop(["train", "--run", run, "--resume"]);
    expect(resumed.stderr).toContain("Finished");
    const info = JSON.parse(readFileSync(join(run, "run.json"), "utf8"));
    expect(info).toMatchObject({ status: "finished", resumedAt: [expect.any(String)] });
  });
});
