/** Fine-grained AdvProp as a run: its routes appear in the log, the checkpoint, the export and the evaluation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { exportModel } from "../../src/api/export/export-model.js";
import { train } from "../../src/api/training/train.js";
import { describeStrength } from "../../src/api/training/training-notes.js";

import { createClassifier } from "../../src/models/registry.js";
import { transferWeights } from "../../src/models/transfer.js";
import { openClassifier } from "../../src/predictors/open-classifier.js";
import { resolveRecipe, stringifyRecipe } from "../../src/recipes/resolve.js";
import { parseSavedRecipe } from "../../src/recipes/saved.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { readJsonLines } from "../../src/runs/metrics-log.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import type { BatchNormDriftRecord, MetricsRecord } from "../../src/runs/schema.js";
import { scope } from "../../src/tensor/index.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { openWeights } from "../../src/weights/open.js";
import { codedError, codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { applySettings } from "../support/settings.js";

/** Three updates. */
const RECIPE = {
  model: "resnet8",
  method: "fine-grained",
  threads: 1,
  data: {
    path: "shapes",
    augmentation: { autoAugment: "v0" },
    shapes: { images: 24, validationImages: 8, testImages: 8 },
  },
  routes: {
    main: { source: "plain" },
    weak: { source: "weak", weight: 0.5 },
    autoaugment: { source: "strong" },
    adversarial: { source: "strong", attacked: true },
  },
  training: { epochs: 1, batchSize: 8, logEverySteps: 1 },
} as const satisfies Recipe;
const ROUTES = Object.keys(RECIPE.routes);

describe("a run of four routes", () => {
  const folder = join(sharedTemporaryFolder(), "run");
  beforeAll(async () => {
    await train(RECIPE, { run: folder });
  });

  test("logs the loss and the drift of each route", () => {
    const run = RunDirectory.open(folder);
    const [first] = readJsonLines<MetricsRecord>(run.metrics.path);
    expect(Object.keys(first).filter((key) => key.endsWith("Loss"))).toEqual(ROUTES.map((route) => `${route}Loss`));
    const drift = readJsonLines<BatchNormDriftRecord>(run.batchNormDrift.path);
    expect(drift.map(({ route }) => route)).toEqual(ROUTES.slice(1));
    for (const { layers } of drift) expect(layers.some(({ mean }) => mean > 0)).toBe(true);
  });

  test("stopped and resumed it is the same, bit for bit", async () => {
    const path = join(temporaryFolder(), "stopped");
    const stop = new AbortController();
    await train(RECIPE, {
      run: path,
      signal: stop.signal,
      onEvent: (event) => void (event.type === "step" && stop.abort()),
    });
    expect(readCheckpoint(RunDirectory.open(path).checkpoint("last").weights).state.step).toBe(1);
    await train({}, { run: path, resume: true });
    const weightsOf = (run: string) => readFileSync(RunDirectory.open(run).checkpoint("last").weights);
    expect(weightsOf(path).equals(weightsOf(folder))).toBe(true);
  });

  test("is evaluated through each route by name; other names are refused", async () => {
    const pixels = { pixels: Uint8Array.from({ length: 3 * 32 * 32 }, (_, i) => (i * 7) % 256), height: 32, width: 32 };
    const answers: string[] = [];
    for (const route of ROUTES) {
      const predictor = await openClassifier(folder, { route, threads: 1 });
      answers.push(String(await predictor.logits(pixels)));
      await predictor.close();
    }
    expect(new Set(answers).size).toBe(ROUTES.length);
    const error = await codedRejection(openClassifier(folder, { route: "aux", threads: 1 }));
    expect(error.message).toContain(`must be one of ${ROUTES.join(", ")}; got aux`);
  });

  test("is exported with or without its routes, and another run can start from them by name", async () => {
    const to = join(temporaryFolder(), "weights.safetensors");
    expect(await exportModel(folder, to)).toMatchObject({ routes: ["main"] });
    expect(await exportModel(folder, to, { auxiliary: true })).toMatchObject({ routes: ROUTES });
    const source = await openWeights(to);
    scope(() => {
      const { classes } = source.specification;
      const model = createClassifier("resnet8", { classes, routes: ["adversarial", "new"] }).initialize(1);
      const { routesFromMain } = transferWeights(model, source, to);
      expect(routesFromMain).toEqual(["new"]);
      const state = model.network.state();
      const values = (key: string) => state.get(key)?.toNumbers();
      const place = source.specification.routes.indexOf("adversarial");
      expect(source.tensors.get(`bn1.aux_bn.${place}.running_mean`)).toBeDefined();
      expect(values("bn1.aux_bn.1.running_mean")).toEqual(values("bn1.running_mean"));
      expect(values("bn1.aux_bn.0.running_mean")).not.toEqual(values("bn1.running_mean"));
      model.dispose();
    });
  });
});

describe("what a recipe says of routes", () => {
  const policy: Recipe = { method: "fine-grained", data: { augmentation: { autoAugment: "v0" } } };

  test("the default is the paper's three routes, and the recipe can choose what plain images are", () => {
    expect(resolveRecipe(policy).routes).toEqual({
      main: { source: "weak", attacked: false, weight: 1 },
      autoaugment: { source: "strong", attacked: false, weight: 1 },
      adversarial: { source: "weak", attacked: true, weight: 1 },
    });
    const routes = { main: { source: "plain" }, adversarial: { attacked: true } } as const;
    expect(resolveRecipe({ method: "fine-grained", routes }).routes).toMatchObject({ main: { source: "plain" } });
  });

  test("a value of a route is set by its path, and a saved recipe means the same", () => {
    const recipe = applySettings({ ...policy, routes: RECIPE.routes }, [
      "routes.weak.weight=0.25",
      "routes.more.source=weak",
    ]);
    const resolved = resolveRecipe(recipe);
    expect(resolved.routes?.weak).toEqual({ source: "weak", attacked: false, weight: 0.25 });
    expect(Object.keys(resolved.routes ?? {})).toEqual([...ROUTES, "more"]);
    expect(resolveRecipe(parseSavedRecipe(stringifyRecipe(resolved), "recipe.yaml"))).toEqual(resolved);
  });

  test.each<[Recipe, string]>([
    [{ method: "fine-grained" }, "data.augmentation.autoAugment, its augmentation policy, is none"],
    [
      { ...policy, routes: { other: { source: "strong" } } },
      "routes must name main, which is evaluated, and at least one other",
    ],
    [
      { ...policy, routes: { main: { source: "strong" } } },
      "routes must name main, which is evaluated, and at least one other",
    ],
    [{ ...policy, routes: { ...RECIPE.routes, "A b": {} } }, "routes.A b is not a valid name of a route"],
    [
      { ...policy, routes: { ...RECIPE.routes, more: { sorce: "weak" } as never } },
      "unknown key routes.more.sorce. Did you mean source?",
    ],
    [{ ...policy, routes: { ...RECIPE.routes, more: { source: "weka" as never } } }, "must be plain, weak or strong"],
    [{ method: "advprop", routes: RECIPE.routes }, "routes has no effect with method advprop; only fine-grained"],
    [
      { ...policy, routes: { main: {}, other: { source: "plain" } } },
      "autoAugment has no effect because no route has the source strong",
    ],
    [
      { ...policy, routes: { main: {}, other: { source: "strong" } }, attack: { steps: 3 } },
      "because no route is attacked",
    ],
    [{ ...policy, training: { adversarialWeight: 2 } }, "whose routes have their own weights"],
    [{ ...policy, training: { lossReduction: "mean" } }, "whose routes have their own weights"],
  ])("%j is refused", (recipe, message) => {
    expect(codedError(() => resolveRecipe(recipe))).toMatchObject({ code: "ERR_RECIPE", exitCode: 2 });
    expect(codedError(() => resolveRecipe(recipe)).message).toContain(message);
  });

  test("an unknown path below routes is refused, also one that names a prototype", () => {
    for (const path of ["routes.main.wight", "routes.__proto__.weight", "routes.Main.weight"]) {
      expect(codedError(() => applySettings(policy, [`${path}=1`])).message).toContain(`unknown path ${path}`);
    }
  });

  test("each route is described before the training", () => {
    const lines = describeStrength(
      resolveRecipe({ ...policy, routes: RECIPE.routes, training: { labelSmoothing: 0.1 } }),
    );
    expect(lines.slice(1)).toEqual([
      "Label smoothing: 0.1, in all losses.",
      "Route main: plain images.",
      "Route weak: weak images, the loss times 0.5.",
      "Route autoaugment: strong images.",
      "Route adversarial: adversarial images made from strong images.",
    ]);
  });
});
