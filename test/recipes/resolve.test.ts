import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { withFlags } from "../../src/cli/flags/flag-names.js";
import { settingChanges } from "../../src/cli/flags/settings.js";
import { withoutIneffective } from "../../src/recipes/effect.js";
import { loadRecipe } from "../../src/recipes/library.js";
import { knownPaths } from "../../src/recipes/mistakes.js";
import { OTHER_NAMES } from "../../src/recipes/other-names.js";
import { changeRecipe, parseRecipe, resolveRecipe, stringifyRecipe } from "../../src/recipes/resolve.js";
import { METHODS, type Recipe } from "../../src/recipes/schema.js";
import { codedError } from "../support/errors.js";
import { applySettings } from "../support/settings.js";

const positive = fc.double({ min: 1e-12, max: 1e6, noNaN: true });
const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const count = fc.integer({ min: 1, max: 1e9 });
const distance = fc.oneof(
  fc.double({ min: 1e-9, max: 1, maxExcluded: true, noNaN: true }),
  fc.integer({ min: 1, max: 254 }).map((numerator) => `${numerator}/255`),
);
const optional = { requiredKeys: [] };

test("the types refuse a key of another optimiser or attack, as the check at run time does", () => {
  // @ts-expect-error: momentum is a key of sgd
  const adamw: Recipe = { optimizer: { name: "adamw", momentum: 0.9 } };
  // @ts-expect-error: steps is a key of pgd
  const fgsm: Recipe = { attack: { name: "fgsm", steps: 3 } };
  for (const recipe of [adamw, fgsm]) expect(codedError(() => resolveRecipe(recipe)).code).toBe("ERR_RECIPE");
  const unnamed: Recipe = { optimizer: { name: undefined, momentum: 0.5 }, attack: { steps: 3 } };
  expect(resolveRecipe(unnamed)).toMatchObject({ optimizer: { momentum: 0.5 }, attack: { name: "pgd", steps: 3 } });
});

const pgd = fc.record(
  {
    name: fc.constant("pgd" as const),
    norm: fc.constantFrom("linf" as const, "l2" as const),
    epsilon: distance,
    stepSize: fc.option(distance),
    steps: fc.option(count),
  },
  optional,
);
const fgsm = fc.record({ name: fc.constant("fgsm" as const), epsilon: fc.option(distance) });
const sgd = fc.record(
  { name: fc.constant("sgd" as const), lr: positive, weightDecay: positive, nesterov: fc.boolean() },
  optional,
);
const rmsprop = fc.record({ name: fc.constant("rmsprop" as const), epsilon: positive });
const cosine = fc.record({ name: fc.constant("cosine" as const), warmupFraction: share, finalFactor: share }, optional);
const multiStep = fc.record({
  name: fc.constant("multi-step" as const),
  milestones: fc.option(fc.uniqueArray(count).map((epochs) => epochs.sort((a, b) => a - b))),
});

/** The same with a policy, which fine-grained AdvProp needs. */
const withPolicy = (recipe: Recipe): Recipe => ({
  ...recipe,
  data: { ...recipe.data, augmentation: { ...recipe.data?.augmentation, autoAugment: "v0" } },
});

/** Any valid recipe. */
const recipes: fc.Arbitrary<Recipe> = fc
  .record(
    {
      name: fc.string(),
      description: fc.string({ unit: "grapheme" }),
      model: fc.string(),
      method: fc.constantFrom(...METHODS),
      seed: fc.maxSafeNat(),
      memoryLimit: fc.oneof(count, fc.constant(null), fc.constantFrom("12GB", "512 MiB", "1.5gb")),
      data: fc.record(
        {
          path: fc.oneof(fc.string(), fc.constant(null)),
          limitTrain: fc.oneof(count, fc.constant(null)),
          validationFraction: share,
          augmentation: fc.record(
            { crop: fc.nat(9), flip: fc.boolean(), autoAugment: fc.constantFrom("none", "v0") },
            optional,
          ),
        },
        optional,
      ),
      training: fc.record(
        {
          epochs: count,
          labelSmoothing: share,
          adversarialLabelSmoothing: share,
          adversarialWeight: positive,
          clipGradientNorm: positive,
        },
        optional,
      ),
      attack: fc.oneof(pgd, fgsm),
      optimizer: fc.oneof(sgd, rmsprop),
      schedule: fc.oneof(cosine, multiStep),
    },
    optional,
  )
  .map((recipe) => withoutIneffective(recipe, undefined))
  .map((recipe) => (recipe.method === "fine-grained" ? withPolicy(recipe) : recipe));

describe("resolveRecipe", () => {
  test("fills in the documented defaults", () => {
    expect(resolveRecipe({})).toEqual({
      model: "resnet20",
      method: "advprop",
      seed: 0,
      device: "auto",
      precision: "fp32",
      threads: 0,
      memoryLimit: null,
      data: {
        path: null,
        limitTrain: null,
        limitTest: null,
        validationFraction: null,
        imageSize: null,
        augmentation: { crop: 4, flip: true, autoAugment: "none", colorJitter: 0, randomErasing: 0 },
        sampler: "uniform",
        workers: null,
        cacheMemory: null,
        onBadImage: "fail",
        maxBad: 100,
        shapes: { images: 4000, validationImages: 1000, testImages: 2000, textureCorrelation: 0, seed: 0 },
      },
      finetune: { weights: null, bodyRate: 1, layerDecay: 1, frozenStages: 0 },
      training: {
        epochs: 15,
        batchSize: 128,
        minUpdatesPerEpoch: null,
        labelSmoothing: 0,
        adversarialLabelSmoothing: null,
        adversarialWeight: 1,
        lossReduction: "sum",
        mixup: 0,
        cutmix: 0,
        clipGradientNorm: null,
        accumulationSteps: 1,
        syncBatchNorm: false,
        averageDecay: null,
        recompute: false,
        logEverySteps: 10,
        checkpointEverySteps: null,
        keepEverySteps: null,
        evaluateEveryEpochs: 1,
        earlyStoppingEpochs: null,
        timeBudgetHours: null,
      },
      optimizer: {
        name: "sgd",
        lr: 0.1,
        momentum: 0.9,
        nesterov: true,
        weightDecay: 5e-4,
        weightDecayOnNorm: false,
      },
      schedule: { name: "cosine", warmupFraction: 0.05, finalFactor: 0 },
      attack: {
        name: "pgd",
        norm: "linf",
        epsilon: 1 / 255,
        stepSize: 1 / 255,
        steps: 1,
        target: "random",
        randomStart: true,
        cleanStartProbability: 0,
        statistics: "running",
        stochastic: false,
        labelSmoothing: 0,
      },
    });
  });

  test("keeps the given values, and fills in the rest of a section", () => {
    const { optimizer, attack, memoryLimit, data } = resolveRecipe({
      memoryLimit: "12GB",
      data: { augmentation: { crop: 0 } },
      optimizer: { lr: 0.2 },
      attack: { epsilon: " 1 / 255 ", stepSize: 0.5 },
    });
    expect(optimizer).toMatchObject({ name: "sgd", lr: 0.2, momentum: 0.9 });
    expect(attack).toMatchObject({ epsilon: 1 / 255, stepSize: 0.5, steps: 1 });
    expect(memoryLimit).toBe(12e9);
    expect(data.augmentation).toEqual({ crop: 0, flip: true, autoAugment: "none", colorJitter: 0, randomErasing: 0 });
    expect(resolveRecipe({ schedule: { warmupFraction: "5/350" } }).schedule).toMatchObject({
      warmupFraction: 5 / 350,
    });
    expect(resolveRecipe({ memoryLimit: "2GiB" }).memoryLimit).toBe(2 ** 31);
  });

  test.each([
    [{ epsilon: "1/255" }, { epsilon: 1 / 255, stepSize: 1 / 255, steps: 1 }],
    [{ epsilon: "8/255" }, { epsilon: 8 / 255, stepSize: 1 / 255, steps: 9 }],
    [
      { epsilon: "8/255", steps: 20 },
      { epsilon: 8 / 255, stepSize: 1 / 255, steps: 20 },
    ],
    [
      { epsilon: "8/255", steps: 2 },
      { epsilon: 8 / 255, stepSize: 4 / 255, steps: 2 },
    ],
    [{ norm: "l2" }, { epsilon: 0.5, stepSize: 0.25, steps: 5 }],
    [
      { norm: "l2", epsilon: 3, steps: 10 },
      { epsilon: 3, stepSize: 0.75, steps: 10 },
    ],
    [{ name: "i-fgsm" }, { epsilon: 1 / 255, stepSize: 1 / 255, steps: 1 }],
    [
      { name: "fgsm", epsilon: "8/255" },
      { name: "fgsm", epsilon: 8 / 255 },
    ],
  ] as const)("fills in the strength of the attack %j", (written, strength) => {
    expect(resolveRecipe({ attack: written }).attack).toMatchObject(strength);
  });

  test("never shares or changes what it was given", () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        const before = structuredClone(recipe);
        const resolved = resolveRecipe(recipe);
        resolved.data.augmentation.crop = 77;
        expect(recipe).toEqual(before);
        expect(resolveRecipe({}).data.augmentation.crop).toBe(4);
      }),
    );
  });

  test("lists the mistakes of a recipe made in code", () => {
    const error = codedError(() => resolveRecipe({ seed: -1, attack: { epsilon: 4 } }));
    expect(error.code).toBe("ERR_RECIPE");
    expect(error.message).toMatch(/^recipe: seed must be .*\nrecipe: attack\.epsilon must .* Did you mean 4\/255\?$/);
  });
});

describe("stringifyRecipe", () => {
  test("writes YAML that resolves to the same recipe, and resolving again changes nothing", () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        const resolved = resolveRecipe(recipe);
        expect(resolveRecipe(resolved)).toEqual(resolved);
        expect(resolveRecipe(parseRecipe(stringifyRecipe(resolved), "r.yaml"))).toEqual(resolved);
      }),
      { numRuns: 300 },
    );
  });

  test("writes distances as fractions", () => {
    const text = stringifyRecipe(resolveRecipe({ attack: { epsilon: 2 / 255, stepSize: 0.01 } }));
    expect(text).toContain("  epsilon: 2/255\n  stepSize: 0.01\n");
  });
});

describe("changeRecipe", () => {
  test("changes only the named keys; the last change of a key wins", () => {
    const recipe: Recipe = { seed: 1, optimizer: { lr: 0.1, momentum: 0.5 } };
    const changed = applySettings(recipe, [
      "optimizer.lr=0.2",
      "attack.epsilon=2/255",
      "data.augmentation.crop=2",
      "data.path=a=b c",
      "optimizer.lr=0.3",
      "memoryLimit=null",
      "schedule={warmupFraction: 0}",
    ]);
    expect(changed).toEqual({
      seed: 1,
      optimizer: { lr: 0.3, momentum: 0.5 },
      attack: { epsilon: "2/255" },
      data: { augmentation: { crop: 2 }, path: "a=b c" },
      memoryLimit: null,
      schedule: { warmupFraction: 0 },
    });
    expect(recipe).toEqual({ seed: 1, optimizer: { lr: 0.1, momentum: 0.5 } });
  });

  test("another attack, schedule or optimizer replaces that of the recipe, and keys that it does not have are dropped", () => {
    const written = {
      attack: { name: "pgd", epsilon: "2/255", steps: 3, target: "none" },
      optimizer: { lr: 0.3, momentum: 0.5 },
      schedule: { warmupFraction: 0.1, finalFactor: 0.1 },
    } as const;
    const set = (...settings: string[]) => applySettings(written, settings);
    expect(set("attack.name=fgsm").attack).toEqual({ name: "fgsm", epsilon: "2/255", target: "none" });
    expect(set("attack.name=i-fgsm").attack).toEqual({ ...written.attack, name: "i-fgsm" });
    expect(set("schedule.name=exponential").schedule).toEqual({ name: "exponential", warmupFraction: 0.1 });
    // The learning rate of another optimizer does not fit this one.
    expect(set("optimizer.name=adamw", "optimizer.beta1=0.8").optimizer).toEqual({ name: "adamw", beta1: 0.8 });
    expect(set("optimizer.name=sgd").optimizer).toEqual({ name: "sgd", lr: 0.3, momentum: 0.5 });
    // Values that are set together with the change are kept.
    expect(codedError(() => set("attack.name=fgsm", "attack.steps=2")).message).toContain("unknown key attack.steps");
    expect(codedError(() => set("attack.name=fgms")).message).toContain("attack.name must be pgd, ");
    for (const [name, epsilon] of [
      ["cifar10-resnet20-advprop", 1 / 255],
      ["photos", 2 / 255],
    ] as const) {
      const { attack } = resolveRecipe(applySettings(loadRecipe(name), ["attack.name=fgsm"]));
      expect(attack).toMatchObject({ name: "fgsm", epsilon });
    }
  });

  test("another norm drops the distances of the recipe's attack, but not those that are set too", () => {
    const written = { attack: { epsilon: "2/255", stepSize: "1/255", steps: 3 } } as const;
    const set = (...settings: string[]) => applySettings(written, settings).attack;
    expect(set("attack.norm=l2")).toEqual({ norm: "l2", steps: 3 });
    expect(set("attack.norm=l2", "attack.epsilon=2")).toEqual({ norm: "l2", epsilon: 2, steps: 3 });
    expect(set("attack.norm=linf")).toEqual({ ...written.attack, norm: "linf" });
    expect(applySettings({}, ["attack.norm=l2"])).toEqual({ attack: { norm: "l2" } });
    const { attack } = resolveRecipe(applySettings(loadRecipe("photos"), ["attack.norm=l2"]));
    expect(attack).toMatchObject({ norm: "l2", epsilon: 0.5, stepSize: 1.25, steps: 1 });
  });

  test("lists every wrong setting, with the nearest known path", () => {
    const error = codedError(() =>
      applySettings({ seed: -1 }, ["lr=1", "optimiser.lr=2", "optimizer.lr=abc", "data=3", "zzzzzzzzzzzzzz=1"]),
    );
    expect(error).toMatchObject({ code: "ERR_SETTING", exitCode: 2 });
    expect(error.message.split("\n").sort()).toEqual(
      [
        "--set lr=1: unknown path lr. Did you mean optimizer.lr?",
        "--set optimiser.lr=2: unknown path optimiser.lr. Did you mean optimizer.lr?",
        '--set optimizer.lr=abc: optimizer.lr must be a positive number; got "abc".',
        "--set data=3: data must be a mapping of keys to values; got 3.",
        "--set zzzzzzzzzzzzzz=1: unknown path zzzzzzzzzzzzzz.",
        "recipe: seed must be an integer in [0, 2^53); got -1.",
      ].sort(),
    );
  });

  test("lists every setting of another form", () => {
    const error = codedError(() => settingChanges(["seed", "=3", "optimizer.lr=0.1", "training.epochs=["]));
    expect(error).toMatchObject({ code: "ERR_SETTING", exitCode: 2 });
    expect(error.message.split("\n")).toEqual([
      "--set seed: must have the form path=value, as in optimizer.lr=0.2.",
      "--set =3: must have the form path=value, as in optimizer.lr=0.2.",
      "--set training.epochs=[: the value must be YAML: Flow sequence must end with a ]",
    ]);
  });

  test("names a value without a source by its path, which becomes a flag on the command line", () => {
    const { message } = codedError(() => changeRecipe({}, [{ path: "attack.epsilon", value: 1 }]));
    expect(message).toMatch(/^`attack\.epsilon: 1`: attack\.epsilon must be in \(0, 1\)/);
    expect(withFlags(message)).toMatch(/^--epsilon 1: attack\.epsilon must be/);
  });

  test.each([
    ["optimizer.learningRate", "optimizer.lr"],
    ["learning_rate", "optimizer.lr"],
    ["training.lr", "optimizer.lr"],
    ["attack.eps", "attack.epsilon"],
    ["optimizer.eps", "optimizer.epsilon"],
    ["attack.alpha", "attack.stepSize"],
    ["attack.iterations", "attack.steps"],
    ["training.bs", "training.batchSize"],
    ["optimizer.wd", "optimizer.weightDecay"],
    ["arch", "model"],
    ["model.ema", "training.averageDecay"],
    ["training.patience", "training.earlyStoppingEpochs"],
    ["pretrained", "finetune.weights"],
    ["schedule.warmup_epochs", "schedule.warmupFraction"],
    ["data.num-workers", "data.workers"],
    ["data.resolution", "data.imageSize"],
  ])("for %s, a name of other programs, suggests %s", (path, meant) => {
    const { message } = codedError(() => applySettings({}, [`${path}=1`]));
    expect(message).toBe(`--set ${path}=1: unknown path ${path}. Did you mean ${meant}?`);
  });

  test("every other name leads to an existing key, and is not a key itself", () => {
    const keys = new Set(knownPaths().flatMap((path) => path.split(".")));
    const plain = new Set([...keys].map((key) => key.toLowerCase()));
    for (const [key, names] of Object.entries(OTHER_NAMES)) {
      expect(keys).toContain(key);
      for (const name of names) expect(plain).not.toContain(name);
    }
    const all = Object.values(OTHER_NAMES).flat();
    expect(new Set(all).size).toBe(all.length);
  });

  test("reaches no prototype", () => {
    for (const path of ["__proto__.polluted", "constructor.prototype.polluted", "data.__proto__.polluted"]) {
      expect(codedError(() => applySettings({}, [`${path}=1`])).code).toBe("ERR_SETTING");
    }
    expect("polluted" in {}).toBe(false);
  });
});

describe("the strength of training's attack", () => {
  const of = (model: string, attack: Recipe["attack"] = {}, method: Recipe["method"] = "advprop") =>
    resolveRecipe({ model, method, attack }).attack;

  test.each([
    ["efficientnet-b0", 1, 1],
    ["efficientnet-b3", 2, 3],
    ["efficientnet-b5", 3, 4],
    ["efficientnet-b7", 4, 5],
    ["efficientnet-b8", 4, 5],
    ["resnet50", 1, 1],
    ["resnet101", 1, 1],
    ["resnet152", 1, 1],
    ["resnet18", 1, 1],
    ["resnet20", 1, 1],
    ["wide-resnet-28-10", 1, 1],
  ])("of %s is %i/255 with %i steps of 1/255, whatever the method", (model, epsilon, steps) => {
    const strength = { epsilon: epsilon / 255, stepSize: 1 / 255, steps };
    expect(of(model)).toMatchObject({ name: "pgd", ...strength });
    expect(of(model, {}, "adversarial")).toMatchObject(strength);
    expect(of(model, {}, "mixture")).toMatchObject(strength);
    expect(of(model, {}, "noise")).toEqual({ norm: "linf", epsilon: epsilon / 255 });
    expect(of(model, { name: "fgsm" })).toMatchObject({ epsilon: epsilon / 255 });
    expect(of(model, { epsilon: "3/255" })).toMatchObject({ epsilon: 3 / 255, steps: 4 });
    // The paper has no L2 norm.
    expect(of(model, { norm: "l2" })).toMatchObject({ epsilon: 0.5, stepSize: 0.25, steps: 5 });
  });

  test("the recipe for photos has the same strength for every network", () => {
    const photos = loadRecipe("photos");
    const strengthOf = (...settings: string[]) => resolveRecipe(applySettings(photos, settings)).attack;
    const strength = { epsilon: 2 / 255, stepSize: 2 / 255, steps: 1, target: "random" };
    expect(strengthOf()).toMatchObject(strength);
    expect(strengthOf("model=efficientnet-b3")).toMatchObject(strength);
    expect(strengthOf("method=vanilla")).toBeUndefined();
  });

  test.each(["vanilla", "vanilla-doubled", "vanilla-two-views"] as const)("there is none with %s", (method) => {
    const recipe = resolveRecipe({ method, model: "efficientnet-b7" });
    expect(recipe).not.toHaveProperty("attack.epsilon");
    expect(stringifyRecipe(recipe)).not.toMatch(/^attack|^ +epsilon: 4/m);
  });
});

describe("what has no effect with a method", () => {
  const refused = (recipe: Recipe, settings: readonly string[] = []) =>
    codedError(() => resolveRecipe(applySettings(recipe, settings)));

  test.each([
    ["vanilla", "attack.epsilon=1/255", "attack has no effect with method vanilla, which has no attack."],
    ["vanilla-doubled", "attack.steps=3", "attack has no effect with method vanilla-doubled, which has no attack."],
    ["vanilla-two-views", "attack.name=pgd", "attack has no effect with method vanilla-two-views, which has no"],
    ["noise", "attack.steps=3", "attack.steps has no effect with method noise, which uses only norm and epsilon."],
    ["clean-copy", "attack.epsilon=1/255", "attack has no effect with method clean-copy, which has no attack."],
    ["sign-noise", "attack.steps=3", "has no effect with method sign-noise, which uses only norm and epsilon."],
    ["fast-advprop", "attack.steps=2", "which uses only norm, epsilon and stepSize."],
    ["fast-advprop", "attack.target=random", "attack.target has no effect with method fast-advprop"],
    ["fast-advprop", "attack.statistics=running", "attack.statistics has no effect with method fast-advprop"],
    ["fast-advprop", "training.adversarialWeight=0.5", "whose losses are weighted by their numbers of images"],
    ["fast-advprop", "training.lossReduction=mean", "whose losses are weighted by their numbers of images"],
    ["adversarial", "training.mixup=0.2", "which has no clean images in the main batch norms"],
    ["adversarial", "training.cutmix=1", "which has no clean images in the main batch norms"],
    ["advprop", "training.adversarialShare=0.2", "only fast-advprop attacks a share of the images"],
    ["noise", "attack.labelSmoothing=0.1", "attack.labelSmoothing has no effect with method noise"],
    ["noise", "attack.name=fgsm", "attack.name has no effect with method noise"],
    ["noise", "attack.target=none", "attack.target has no effect with method noise"],
    [
      "vanilla",
      "training.adversarialLabelSmoothing=0",
      "has no effect with method vanilla, which has no adversarial loss",
    ],
    ["adversarial", "training.adversarialLabelSmoothing=0.1", "whose only loss uses labelSmoothing"],
    ["vanilla-two-views", "training.adversarialWeight=1", "has no effect with method vanilla-two-views, which has no"],
    ["adversarial", "training.adversarialWeight=0.5", "has no effect with method adversarial, whose only loss is"],
    ["vanilla", "training.lossReduction=sum", "has no effect with method vanilla, which has no adversarial loss"],
  ])("with %s, %s is refused", (method, setting, message) => {
    for (const order of [
      [`method=${method}`, setting],
      [setting, `method=${method}`],
    ]) {
      const error = refused({}, order);
      expect(error).toMatchObject({ code: "ERR_SETTING", exitCode: 2 });
      expect(error.message).toContain(`--set ${setting}: `);
      expect(error.message).toContain(message);
      expect(error.message).toContain("Leave it out");
    }
  });

  test("settings of rand-augment are of that policy", () => {
    const of = (...settings: string[]) => resolveRecipe(applySettings({}, settings)).data.augmentation;
    const magnitude = "data.augmentation.randAugment.magnitude=12";
    expect(refused({}, [magnitude]).message).toContain(
      "data.augmentation.randAugment has no effect with the policy none; only rand-augment uses it. Leave it out",
    );
    expect(refused({}, ["data.augmentation.randAugment.magnitude=31"]).message).toContain(
      "must be a whole number in [0, 30]",
    );
    expect(of("data.augmentation.autoAugment=rand-augment").randAugment).toEqual({ operations: 2, magnitude: 9 });
    expect(of("data.augmentation.autoAugment=rand-augment", magnitude).randAugment).toEqual({
      operations: 2,
      magnitude: 12,
    });
    expect(of("data.augmentation.autoAugment=trivial-augment")).not.toHaveProperty("randAugment");
  });

  test("a probability of clean starts without random starts is refused", () => {
    const settings = ["attack.randomStart=false", "attack.cleanStartProbability=0.2"];
    expect(refused({}, settings).message).toContain(
      "attack.cleanStartProbability has no effect because randomStart is false: every image starts from itself. Leave it out",
    );
    expect(resolveRecipe({ attack: { randomStart: false, cleanStartProbability: 0 } }).attack).toBeDefined();
  });

  test("only methods with two losses have their weights", () => {
    for (const method of METHODS) {
      const { training } = resolveRecipe(withPolicy({ method }));
      const two = ["mixture", "clean-copy", "noise", "sign-noise", "advprop"].includes(method);
      expect([training.adversarialWeight, training.lossReduction]).toEqual(two ? [1, "sum"] : [undefined, undefined]);
    }
  });

  test("noise takes a norm and an epsilon, mixture and AdvProp the rest too", () => {
    const settings = ["attack.epsilon=2/255", "attack.norm=linf"];
    expect(resolveRecipe(applySettings({ method: "noise" }, settings)).attack).toEqual({
      norm: "linf",
      epsilon: 2 / 255,
    });
    for (const method of ["mixture", "advprop"] as const) {
      const more = [...settings, "attack.steps=7", "training.adversarialLabelSmoothing=0"];
      expect(resolveRecipe(applySettings({ method }, more)).attack).toMatchObject({ steps: 7 });
    }
  });

  test("a flag that replaces the method drops the recipe's attack, but keeps its strength for noise", () => {
    const recipe: Recipe = { attack: { name: "pgd", epsilon: "2/255", steps: 3 }, training: { labelSmoothing: 0.1 } };
    expect(resolveRecipe(applySettings(recipe, ["method=vanilla"])).attack).toBeUndefined();
    expect(resolveRecipe(applySettings(recipe, ["method=noise"])).attack).toEqual({ norm: "linf", epsilon: 2 / 255 });
    expect(resolveRecipe(applySettings(recipe, ["method=mixture"])).attack).toMatchObject({ steps: 3 });
    expect(recipe.attack).toEqual({ name: "pgd", epsilon: "2/255", steps: 3 });
  });

  test("a mistake in a file has its line and column", () => {
    const error = codedError(() => parseRecipe("method: vanilla\nseed: 1\nattack: {epsilon: 2/255}\n", "r.yaml"));
    expect(error.code).toBe("ERR_RECIPE");
    expect(error.message).toMatch(/^r\.yaml:3:1: attack has no effect with method vanilla/);
  });
});
