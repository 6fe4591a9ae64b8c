/**
 * The package as a stranger has it: packed, installed into an empty project, set up, used from TypeScript on several Nodes.
 * The engine and the Nodes are kept under build/, so that only the first run makes and fetches them.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, type TestContext, test } from "vitest";
import { SHAPES_CLASSES } from "../../src/data/shapes/shapes.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KEPT = join(ROOT, "build/package-test");
const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/** What npm says where it reaches no registry. */
const OFFLINE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED/;

const folder = sharedTemporaryFolder();
const project = join(folder, "project");
const cache = join(folder, "cache");
const packedFiles: string[] = [];
let offline = false;

/** Runs a program in the project, by default with an empty folder of the user's. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = project) {
  // Without the settings that `npm run` hands down: they are this checkout's.
  const plain = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  return spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...Object.fromEntries(plain), XDG_CACHE_HOME: cache, ...env },
  });
}

function succeeded({ status, stdout, stderr }: SpawnSyncReturns<string>): string {
  expect(status, stdout + stderr).toBe(0);
  return stdout;
}

const needNetwork = (context: TestContext) => {
  if (offline) context.skip("npm reaches no registry");
};

beforeAll(() => {
  const packed = run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {}, ROOT);
  const [{ filename, files }] = JSON.parse(succeeded(packed));
  packedFiles.push(...files.map(({ path }: { path: string }) => path));
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "name": "consumer", "private": true, "type": "module" }\n');
  const { typescript, "@types/node": types } = MANIFEST.devDependencies;
  const packages = [join(folder, filename), `typescript@${typescript}`, `@types/node@${types}`];
  const installed = run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages]);
  offline = installed.status !== 0 && OFFLINE.test(installed.stderr);
  if (offline) return;
  succeeded(installed);
  expect(installed.stderr).not.toContain("npm warn");
}, 600_000);

test("the tarball holds what runs and what the engine is made of, and no tests", () => {
  const folders = new Set(packedFiles.map((path) => path.split("/")[0]));
  const wanted = ["LICENSE", "README.md", "dist", "native", "package.json", "recipes", "reference", "scripts"];
  expect([...folders].sort()).toEqual(wanted);
  expect(packedFiles.filter((path) => /\btest\b|\.map$|\.node$/.test(path))).toEqual([]);
  for (const path of [
    "dist/cli/main.js",
    "dist/index.d.ts",
    "dist/web/classify/index.html",
    "native/CMakeLists.txt",
    "scripts/system-packages",
  ]) {
    expect(packedFiles).toContain(path);
  }
});

test("npm runs no script of a package, so that nothing is downloaded from elsewhere", (context) => {
  needNetwork(context);
  const { packages } = JSON.parse(readFileSync(join(project, "node_modules/.package-lock.json"), "utf8"));
  const withScripts = Object.entries<{ hasInstallScript?: boolean }>(packages).filter(
    ([, { hasInstallScript }]) => hasInstallScript,
  );
  expect(withScripts.map(([name]) => name)).toEqual([]);
});

test("npx advprop prints no warning", (context) => {
  needNetwork(context);
  const { status, stdout, stderr } = run("npx", ["advprop", "models"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("resnet20");
});

const PROGRAM = `
import * as ap from "advprop";
import * as engine from "advprop/engine";

ap.setThreads(1);
const shapes = (split: ap.ShapesSplit, count: number) => ap.shapesDataset({ split, count, size: 32, seed: 0 });
const train: ap.Dataset = shapes("train", 320);
const model = ap.createClassifier("resnet20", { classes: train.classes, routes: ["aux"] }).initialize(0);
const threatModel = engine.linf(1 / 255);
const attack = engine.pgd({ threatModel, stepSize: 1 / 255, steps: 1, target: "random", randomStart: true });
const loader = ap.trainingLoader(train, { batchSize: 32, seed: 0, augmentation: { crop: 4, flip: true } });
const gradients = new engine.GradientStore(model.parameters.map((parameter) => parameter.value));
const optimizer: engine.Optimizer = new engine.Sgd([...model.network.namedParameters()], {
  momentum: 0.9,
  nesterov: true,
  weightDecay: 5e-4,
  decays: (parameter: engine.Parameter) => parameter.kind !== "norm",
});
const losses: number[] = [];
for (let epoch = 0; epoch < 2; epoch++) {
  for await (const pixels of loader.epoch(epoch, 0)) {
    engine.scope(() => {
      const batch = engine.batchFromPixels(pixels, { seed: 0, epoch });
      losses.push(engine.advPropStep({ model, attack, gradients, labelSmoothing: 0 }, batch).cleanLoss.item());
      optimizer.step(gradients.read(), 0.05);
      gradients.clear();
    });
  }
}
const { accuracy } = await engine.evaluateAccuracy(engine.classifierPredictor(model), shapes("test", 100), 50);
console.log(JSON.stringify({ losses, accuracy }));
`;

/** The calls that are the product: train, evaluate, classify. */
const CALLS = `
import { defineRecipe, evaluate, openClassifier, openRun, type TrainEvent, train } from "advprop";

const recipe = defineRecipe({
  model: "resnet20",
  threads: 1,
  data: { path: "shapes", shapes: { images: 320, validationImages: 50, testImages: 50 } },
  training: { epochs: 2, batchSize: 32 },
});
const seen = new Set<TrainEvent["type"]>();
const { run, step } = await train(recipe, { run: process.argv[2], onEvent: (event) => void seen.add(event.type) });
const { count, robustAccuracy } = await evaluate(run, { threads: 1, attack: { name: "pgd", epsilon: "1/255" } });
const classifier = await openClassifier(run);
const pixels = new Uint8Array(40 * 50 * 3).fill(128);
const [first] = await classifier.classify({ pixels, height: 40, width: 50 }, { top: 1 });
await classifier.close();
const { info, evaluations } = openRun(run);
const status = { status: info.status, evaluations: evaluations().length };
console.log(JSON.stringify({ step, seen: [...seen], count, robustAccuracy, first, ...status }));
`;

test("programs are type-checked and compiled", (context) => {
  needNetwork(context);
  writeFileSync(join(project, "train.ts"), PROGRAM);
  writeFileSync(join(project, "calls.ts"), CALLS);
  const compilerOptions = { module: "nodenext", target: "es2022", strict: true, skipLibCheck: false };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["train.ts", "calls.ts"] }));
  succeeded(run("npx", ["tsc", "-p", "."]));
});

/** Evaluates an ONNX file of the classes of the built-in set, on it, where the engine cannot be loaded. */
function evaluateOnnx(env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  const weights = Array.from({ length: 10 }, (_, k) => [k, 1, -k] as const);
  const model = writeOnnx(join(folder, "model.onnx"), { weights, shape: ["batch", 3, 32, 32] });
  const classes = join(folder, "classes.txt");
  writeFileSync(classes, `${SHAPES_CLASSES.join("\n")}\n`);
  const settings = ["pixelRange=0-1", "mean=0,0,0", "std=1,1,1", `classes=${classes}`].flatMap((one) => [
    "--onnx",
    one,
  ]);
  const flags = ["--data", "shapes", "--limit-test", "20", "--json"];
  const NODE_OPTIONS = `--require ${join(ROOT, "test/support/block-addon.cjs")}`;
  return run("npx", ["advprop", "evaluate", model, ...flags, ...settings], { NODE_OPTIONS, ...env });
}

test("before set-up each error names the command", (context) => {
  needNetwork(context);
  const missing = run(process.execPath, ["train.js"]);
  expect(missing.status).not.toBe(0);
  expect(missing.stderr).toContain("ERR_ADDON");
  expect(missing.stderr).toContain("Run: npx advprop setup");

  const evaluated = evaluateOnnx();
  expect(evaluated.status).toBe(2);
  expect(evaluated.stderr).toContain("Run: npx advprop setup");

  const doctor = run("npx", ["advprop", "doctor"]);
  expect(doctor.status).toBe(1);
  expect(doctor.stdout).toMatch(/^missing +addon +not built\n +-> npx advprop setup$/m);
});

/** The losses and the accuracy of the program, on a Node. */
function train(node: string): { losses: number[]; accuracy: number } {
  return JSON.parse(succeeded(run(node, ["train.js"], { XDG_CACHE_HOME: KEPT })));
}

let here: ReturnType<typeof train>;

test("after set-up it trains, and ONNX files are evaluated", (context) => {
  needNetwork(context);
  succeeded(run("npx", ["advprop", "setup"], { XDG_CACHE_HOME: KEPT }));
  const kept = readdirSync(join(KEPT, "advprop"));
  expect(kept.filter((name) => name.startsWith("engine-"))).toHaveLength(1);
  expect(existsSync(join(project, "node_modules/advprop/build"))).toBe(false);
  const again = run("npx", ["advprop", "setup"], { XDG_CACHE_HOME: KEPT });
  succeeded(again);
  expect(again.stderr).not.toContain("Building");
  expect(succeeded(run("npx", ["advprop", "doctor"], { XDG_CACHE_HOME: KEPT }))).toContain("Ready to train.");

  expect(JSON.parse(succeeded(evaluateOnnx({ XDG_CACHE_HOME: KEPT })))).toBeDefined();

  here = train(process.execPath);
  expect(here.losses).toHaveLength(20);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(here.losses.slice(-5))).toBeLessThan(mean(here.losses.slice(0, 5)));
  // Twenty steps hardly beat chance, so rounding decides which test images are right; their share of 100 is checked.
  expect(here.accuracy).toBeGreaterThan(0);
  expect(100 * here.accuracy).toBeCloseTo(Math.round(100 * here.accuracy), 9);
});

test("after set-up a program trains, evaluates, classifies and reads its run", (context) => {
  needNetwork(context);
  const output = succeeded(run(process.execPath, ["calls.js", join(folder, "run")], { XDG_CACHE_HOME: KEPT }));
  const result = JSON.parse(output);
  expect(result).toMatchObject({ step: 20, count: 50, status: "finished", evaluations: 1 });
  expect(result.seen).toEqual(
    expect.arrayContaining(["started", "step", "epoch", "validation", "checkpoint", "finished"]),
  );
  expect(SHAPES_CLASSES).toContain(result.first.class);
  expect(result.robustAccuracy).toBeGreaterThanOrEqual(0);
});

test.for([20, 22, 24])("Node %i trains the same, bit for bit", (major, context) => {
  needNetwork(context);
  if (process.versions.node.startsWith(`${major}.`)) context.skip("this is the Node that the test before used");
  const name = `node-${process.platform}-${process.arch}`;
  const place = join(KEPT, `node-${major}`);
  const node = join(place, "node_modules", name, "bin/node");
  if (!existsSync(node)) {
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "package.json"), '{ "private": true }\n');
    const installed = run("npm", ["install", "--no-audit", "--no-fund", `${name}@${major}`], {}, place);
    if (installed.status !== 0 || !existsSync(node)) context.skip(`npm has no ${name}@${major}: ${installed.stderr}`);
  }
  expect(succeeded(run(node, ["--version"]))).toMatch(new RegExp(`^v${major}\\.`));
  expect(train(node)).toEqual(here);
});
