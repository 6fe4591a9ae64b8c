/** What every network promises, whatever its architecture: one suite over a small member of each family. */
import { beforeAll, describe, expect, test } from "vitest";
import { defaultView } from "../../src/evaluation/view.js";
import { Classifier, NORMALIZATIONS } from "../../src/models/classifier.js";
import { EFFICIENTNET_BATCH_NORM, EfficientNet } from "../../src/models/efficientnet.js";
import { architecture, modelNames } from "../../src/models/registry.js";
import { ResNet, type ResNetConfig } from "../../src/models/resnet.js";
import { loadState, toSafetensor } from "../../src/models/weights.js";
import { WideResNet } from "../../src/models/wide-resnet.js";
import { ATTACK, EVAL, type ForwardContext, MAIN_ROUTE, TRAIN } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import type { Module } from "../../src/nn/module.js";
import { type NormFactory, normFactory } from "../../src/nn/routed-batch-norm.js";
import { Purpose } from "../../src/random.js";
import { fromArray, GradientStore, gradientOf, memoryStats, scope, type Tensor } from "../../src/tensor/index.js";
import { keyedUniform, normOfAll, rows } from "../../src/tensor/operators.js";
import { codedError } from "../support/errors.js";
import { maxDifference, relativeL2 } from "../support/golden.js";

interface Family {
  readonly family: string;
  /** Whether it has parts that act in stochastic passes only. */
  readonly stochastic: boolean;
  build(classes: number, norm: NormFactory): Module;
}

const small = { depths: [1, 2, 1], widths: [8, 16, 24] } as const;
const resNet = (family: string, config: Omit<ResNetConfig, "depths" | "widths">): Family => ({
  family,
  stochastic: false,
  build: (classes, norm) => new ResNet({ ...small, ...config }, classes, norm),
});

/** Each way to build a network, with few channels and blocks. */
const FAMILIES: readonly Family[] = [
  resNet("ResNet of CIFAR", { stem: "cifar", block: "basic", shortcut: "padding" }),
  resNet("ResNet of ImageNet, basic blocks", { stem: "imagenet", block: "basic", shortcut: "projection" }),
  resNet("ResNet of ImageNet, bottlenecks", { stem: "imagenet", block: "bottleneck", shortcut: "projection" }),
  {
    family: "WideResNet",
    stochastic: false,
    build: (classes, norm) => new WideResNet({ depth: 10, width: 1 }, classes, norm),
  },
  {
    family: "EfficientNet",
    stochastic: true,
    build: (classes, norm) => new EfficientNet({ width: 0.25, depth: 1, dropout: 0.2 }, classes, norm),
  },
];

const CLASSES = ["a", "b", "c", "d", "e"];
const ROUTES = ["aux", "augmented"];
const ALL_ROUTES = [MAIN_ROUTE, ...ROUTES];
const SIZE = 32;

function create({ family, stochastic, build }: Family, routes: readonly string[], seed: number): Classifier {
  const network = build(CLASSES.length, normFactory(routes, stochastic ? EFFICIENTNET_BATCH_NORM : undefined));
  const images = { normalization: NORMALIZATIONS.half, imageSize: SIZE, view: defaultView(SIZE) };
  const specification = { name: family, classes: CLASSES, routes, ...images };
  return new Classifier(network, specification).initialize(seed);
}

const ids = (values: readonly number[]): Tensor => fromArray(values, [values.length], "int64");
const labels = (count: number): Tensor => ids(Array.from({ length: count }, (_, i) => i % CLASSES.length));

/** Noise, [N, 3, H, W] in [0, 1), another image for each number. */
const noise = (images: readonly number[], height = SIZE, width = SIZE): Tensor =>
  keyedUniform(ids(images), [3, height, width], { seed: 1, epoch: 0, purpose: Purpose.synthesis });

const SAMPLES = [0, 1, 2, 3, 4, 5];
const EVALUATION = { ...EVAL, route: MAIN_ROUTE } as const;
/** Random parts on, everything else as in evaluation: what an image gives depends on nothing but its keys. */
const STOCHASTIC = { ...EVALUATION, stochastic: true } as const;

interface Draws {
  readonly samples?: readonly number[];
  readonly seed?: number;
  readonly epoch?: number;
}

/** The logits of noise, flat. Its keys are those of the images where nothing else is said. */
function logits(
  model: Classifier,
  images: readonly number[],
  context: ForwardContext,
  { samples = images, seed = 3, epoch = 0 }: Draws = {},
): number[] {
  return scope(() => {
    const keys = { seed, epoch, samples: ids(samples) };
    return model.forward(noise(images), { ...context, keys }).toNumbers();
  });
}

const snapshot = (model: Classifier): Map<string, number[]> =>
  new Map(Array.from(model.network.state(), ([name, tensor]) => [name, tensor.toNumbers()]));

const changedNames = (before: ReadonlyMap<string, number[]>, after: ReadonlyMap<string, number[]>): string[] =>
  [...before.keys()].filter((name) => before.get(name)!.some((value, i) => value !== after.get(name)![i]));

const isAuxiliary = (name: string): boolean => name.includes(".aux_bn.");

/** The route whose norms have a name; undefined for what all routes share. Main norms are known by their twins. */
function routeOf(name: string, names: readonly string[]): string | undefined {
  const place = /\.aux_bn\.(\d+)\./.exec(name)?.[1];
  if (place !== undefined) return ROUTES[Number(place)];
  return names.includes(name.replace(/\.(\w+)$/, ".aux_bn.0.$1")) ? MAIN_ROUTE : undefined;
}

test("every listed network is of one of the families", () => {
  const classes = FAMILIES.map(({ build }) => build(2, normFactory([])).constructor);
  for (const name of modelNames()) expect(classes, name).toContain(architecture(name).build(2, []).constructor);
});

test.each(modelNames())("%s without its auxiliary keys has the names and shapes of the plain network", (name) => {
  const { build, classes } = architecture(name);
  const shapes = (routes: readonly string[]): [string, readonly number[]][] => {
    const network = build(classes, routes);
    return [...network.namedParameters(), ...network.namedBuffers()].map(([key, { shape }]) => [key, shape]);
  };
  const plain = shapes([]);
  expect(shapes(ROUTES).filter(([key]) => !isAuxiliary(key))).toEqual(plain);
  expect(new Set(plain.map(([key]) => key)).size).toBe(plain.length);
});

describe.each(FAMILIES)("$family", (family) => {
  let model: Classifier;

  beforeAll(() => {
    model = create(family, ROUTES, 0);
    // Running statistics of data rather than initial ones, and other ones in each route.
    for (const [i, route] of ALL_ROUTES.entries()) {
      const images = SAMPLES.map((sample) => 100 * (i + 1) + sample);
      logits(model, images, { ...TRAIN, route });
    }
  });

  test("gives one finite logit a class, for images of any shape", () => {
    scope(() => {
      const output = model.forward(noise(SAMPLES), EVALUATION);
      expect(output.shape).toEqual([SAMPLES.length, CLASSES.length]);
      expect(output.dtype).toBe("float32");
      expect(output.toNumbers().every(Number.isFinite)).toBe(true);
      expect(model.forward(noise([0], 40, 49), { ...EVALUATION, route: "aux" }).shape).toEqual([1, CLASSES.length]);
    });
  });

  test.each(ALL_ROUTES)("gradients through %s reach every parameter but the norms of other routes", (route) => {
    scope(() => {
      const parameters = Array.from(model.network.namedParameters());
      const names = parameters.map(([name]) => name);
      const gradients = new GradientStore(parameters.map(([, { value }]) => value));
      const context = { ...TRAIN, statistics: "running", update: false, stochastic: false, route } as const;
      gradients.add(crossEntropy(model.forward(noise(SAMPLES), context), labels(SAMPLES.length)));
      const sums = gradients.read();
      gradients.clear();
      for (const [i, name] of names.entries()) {
        const gradient = sums[i];
        if ([route, undefined].includes(routeOf(name, names)))
          expect(normOfAll([gradient!]).item(), name).toBeGreaterThan(0);
        else expect(gradient, name).toBeUndefined();
      }
    });
  });

  test.each(ALL_ROUTES)("a training pass through %s moves the statistics of that route and nothing else", (route) => {
    const before = snapshot(model);
    logits(model, SAMPLES, { ...TRAIN, route });
    const names = [...before.keys()];
    const isStatistic = (name: string): boolean => /\.(running_mean|running_var|num_batches_tracked)$/.test(name);
    const expected = names.filter((name) => isStatistic(name) && routeOf(name, names) === route);
    expect(expected.length).toBeGreaterThan(0);
    expect(changedNames(before, snapshot(model))).toEqual(expected);
  });

  test("routes give different logits where their statistics differ", () => {
    const [main, aux, augmented] = ALL_ROUTES.map((route) => logits(model, SAMPLES, { ...EVAL, route }));
    expect(relativeL2(aux, main)).toBeGreaterThan(1e-3);
    expect(relativeL2(augmented, aux)).toBeGreaterThan(1e-3);
  });

  test("a route that is not there is refused by name", () => {
    const { code, message } = codedError(() => logits(model, SAMPLES, { ...EVAL, route: "noise" }));
    expect(code).toBe("ERR_ROUTE");
    expect(message).toContain("main, aux, augmented");
  });

  test("an attack's pass gives each image its gradient, and changes nothing", () => {
    const before = snapshot(model);
    scope(() => {
      const x = noise(SAMPLES).requireGradient();
      const loss = crossEntropy(model.forward(x, { ...ATTACK, route: "aux" }), labels(SAMPLES.length), 0, "sum");
      const gradient = gradientOf(loss, x);
      expect(gradient.shape).toEqual(x.shape);
      for (const i of SAMPLES) expect(normOfAll([rows(gradient, i, i + 1)]).item()).toBeGreaterThan(0);
    });
    expect(changedNames(before, snapshot(model))).toEqual([]);
    const store = new GradientStore(model.parameters.map(({ value }) => value));
    expect(store.read().every((gradient) => gradient === undefined)).toBe(true);
  });

  test("computing parts twice changes memory alone: logits, gradients and statistics are the same", () => {
    const results = ([undefined, "blocks", "first stage"] as const).map((recompute) => {
      const fresh = create(family, ROUTES, 2);
      const store = new GradientStore(fresh.parameters.map(({ value }) => value));
      return scope(() => {
        const keys = { seed: 3, epoch: 0, samples: ids(SAMPLES) };
        const output = fresh.forward(noise(SAMPLES), { ...TRAIN, route: "aux", recompute, keys });
        store.add(crossEntropy(output, labels(SAMPLES.length)));
        const gradients = store.read().map((gradient) => gradient?.toNumbers());
        store.clear();
        const x = noise(SAMPLES).requireGradient();
        const attacked = fresh.forward(x, { ...ATTACK, route: "aux", recompute });
        const ofImages = gradientOf(crossEntropy(attacked, labels(SAMPLES.length)), x).toNumbers();
        return { logits: output.toNumbers(), gradients, ofImages, state: snapshot(fresh) };
      });
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test("without its auxiliary keys it is the plain network", () => {
    const plain = create(family, [], 5);
    scope(() => {
      const main = [...model.network.state()].filter(([name]) => !isAuxiliary(name));
      const tensors = new Map(main.map(([name, tensor]) => [name, toSafetensor(tensor)]));
      expect([...tensors.keys()]).toEqual([...plain.network.state().keys()]);
      loadState(plain.network.state(), tensors, family.family);
    });
    expect(logits(plain, SAMPLES, EVALUATION)).toEqual(logits(model, SAMPLES, EVALUATION));
  });

  test("starts from the seed alone, the same main network whatever the routes", () => {
    const initial = (routes: readonly string[], seed: number) => snapshot(create(family, routes, seed));
    const first = initial(ROUTES, 7);
    expect(initial(ROUTES, 7)).toEqual(first);
    const plain = initial([], 7);
    expect(plain).toEqual(new Map([...first].filter(([name]) => !isAuxiliary(name))));
    const weights = Array.from(model.network.namedParameters()).filter(([, { kind }]) => kind === "weight");
    expect(changedNames(first, initial(ROUTES, 8))).toEqual(weights.map(([name]) => name));
  });

  test("evaluation repeats bit for bit, and an image's logits do not depend on the others of its batch", () => {
    const whole = logits(model, SAMPLES, EVALUATION);
    expect(logits(model, SAMPLES, EVALUATION)).toEqual(whole);
    expect(relativeL2(logits(model, [4, 1], EVALUATION), rowsOf(whole, [4, 1]))).toBeLessThan(1e-4);
  });

  test("stochastic passes repeat by their keys, whatever the batch", () => {
    const whole = logits(model, SAMPLES, STOCHASTIC);
    expect(logits(model, SAMPLES, STOCHASTIC)).toEqual(whole);
    expect(relativeL2(logits(model, [4, 1], STOCHASTIC), rowsOf(whole, [4, 1]))).toBeLessThan(1e-4);
  });

  if (family.stochastic) {
    test("stochastic passes differ by sample, epoch and seed, and need their keys", () => {
      const twins = (draws: Draws): number[] => logits(model, [0, 0], STOCHASTIC, draws);
      const drawn = twins({ samples: [10, 11] });
      expect(maxDifference(rowsOf(drawn, [0]), rowsOf(drawn, [1]))).toBeGreaterThan(1e-3);
      const same = twins({ samples: [10, 10] });
      expect(maxDifference(rowsOf(same, [0]), rowsOf(same, [1]))).toBeLessThan(1e-5);
      expect(maxDifference(twins({ samples: [10, 11], epoch: 1 }), drawn)).toBeGreaterThan(1e-3);
      expect(maxDifference(twins({ samples: [10, 11], seed: 4 }), drawn)).toBeGreaterThan(1e-3);

      const { code, message } = codedError(() => scope(() => model.forward(noise([0]), STOCHASTIC)));
      expect(code).toBe("ERR_CONTEXT");
      expect(message).toContain("needs the keys of its samples");
      expect(codedError(() => twins({ samples: [10] })).message).toContain("one key for each image");
    });
  } else {
    test("has no random part", () => {
      expect(logits(model, SAMPLES, STOCHASTIC)).toEqual(logits(model, SAMPLES, EVALUATION));
    });
  }

  test("passes leave no tensor behind", () => {
    const passes = (): void => {
      logits(model, SAMPLES, { ...TRAIN, route: "aux" });
      logits(model, SAMPLES, EVALUATION);
    };
    passes();
    const { liveTensors, liveBytes } = memoryStats();
    for (let i = 0; i < 3; i++) passes();
    expect(memoryStats()).toMatchObject({ liveTensors, liveBytes });
  });
});

/** The logits of some images of a batch. */
function rowsOf(flat: readonly number[], images: readonly number[]): number[] {
  return images.flatMap((i) => flat.slice(i * CLASSES.length, (i + 1) * CLASSES.length));
}
