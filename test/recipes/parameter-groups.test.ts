/** Frozen stages: neither their parameters nor their batch norm statistics change, and everything else does. */
import { describe, expect, test } from "vitest";
import { pgd } from "../../src/attacks/pgd.js";
import { linf } from "../../src/attacks/threat-model.js";
import { defaultView } from "../../src/evaluation/view.js";
import { Classifier, NORMALIZATIONS } from "../../src/models/classifier.js";
import { EFFICIENTNET_BATCH_NORM, EfficientNet } from "../../src/models/efficientnet.js";
import { createClassifier } from "../../src/models/registry.js";
import { ResNet } from "../../src/models/resnet.js";
import { type StagedNetwork, withContext } from "../../src/models/staged-network.js";
import { ATTACK, EVAL, type Recompute, TRAIN } from "../../src/nn/context.js";
import { normFactory } from "../../src/nn/routed-batch-norm.js";
import { Sgd } from "../../src/optim/sgd.js";
import { parameterGroups } from "../../src/recipes/build/parameter-groups.js";
import { GradientStore, scope } from "../../src/tensor/index.js";
import { advPropStep } from "../../src/training/methods/advprop.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { update } from "../../src/training/update.js";
import { codedError } from "../support/errors.js";

const CLASSES = ["a", "b", "c"];
const SIDE = 16;

const registered = (name: string) => () =>
  createClassifier(name, { classes: CLASSES, routes: ["aux"], imageSize: SIDE }).initialize(1);

const built = (network: StagedNetwork) => (): Classifier => {
  const specification = { name: "small", classes: CLASSES, routes: ["aux"], imageSize: SIDE, view: defaultView(SIDE) };
  return new Classifier(network, { ...specification, normalization: NORMALIZATIONS.half }).initialize(1);
};

const BOTTLENECKS = {
  stem: "imagenet",
  block: "bottleneck",
  depths: [1, 1],
  widths: [4, 8],
  shortcut: "projection",
} as const;
/** With one block per stage. */
const NARROW = { width: 0.25, depth: 0.2, dropout: 0.2 };

const NETWORKS: Readonly<Record<string, () => Classifier>> = {
  resnet8: registered("resnet8"),
  "a ResNet of ImageNet's form": built(new ResNet(BOTTLENECKS, 3, normFactory(["aux"]))),
  "wide-resnet-10-1": registered("wide-resnet-10-1"),
  "an EfficientNet": built(new EfficientNet(NARROW, 3, normFactory(["aux"], EFFICIENTNET_BATCH_NORM))),
};

const batch = (step: number) => ({
  pixels: Uint8Array.from({ length: 8 * SIDE * SIDE * 3 }, (_, i) => Math.imul(i + 1000 * step, 2654435761) >>> 24),
  labels: Int32Array.from({ length: 8 }, (_, i) => i % 3),
  samples: Uint32Array.from({ length: 8 }, (_, i) => i),
  height: SIDE,
  width: SIDE,
});

/** All groups have the schedule's rate. */
const EVEN = { bodyRate: 1, layerDecay: 1 };

/** The names of the tensors that two AdvProp updates change. */
function moved(model: Classifier, frozenStages: number, recompute?: Recompute): Set<string> {
  const before = valuesOf(model);
  const named = parameterGroups(model.network, { ...EVEN, frozenStages }).flatMap(({ parameters }) => parameters);
  const gradients = new GradientStore(named.map(([, { value }]) => value));
  const optimizer = new Sgd(named, { momentum: 0.9, nesterov: true, weightDecay: 1e-2, decays: () => true });
  const ball = { threatModel: linf(4 / 255), stepSize: 2 / 255, steps: 1 };
  const attack = pgd({ ...ball, target: "random", randomStart: true });
  const parts = { model: withContext(model, { frozenStages }), attack, attackContext: ATTACK, gradients };
  for (const i of [0, 1]) {
    const step = (given: ReturnType<typeof batchFromPixels>) =>
      advPropStep({ ...parts, labelSmoothing: 0, recompute }, given);
    update({ step, gradients, optimizer }, [batch(i)], { seed: 0, epoch: 0, step: i, rate: 0.1, saved: 0 });
  }
  for (const tensor of optimizer.state().values()) tensor.dispose();
  const after = valuesOf(model);
  return new Set([...after.keys()].filter((name) => after.get(name) !== before.get(name)));
}

const valuesOf = (model: Classifier) =>
  new Map(Array.from(model.network.state(), ([name, tensor]) => [name, tensor.toNumbers().join()]));

describe.each(Object.entries(NETWORKS))("%s", (_name, make) => {
  test("frozen stages stay as they are, statistics included, in both routes; all others learn", () => {
    const { stages } = make().network as StagedNetwork;
    for (const frozenStages of [0, 1, 2, stages]) {
      const model = make();
      const network = model.network as StagedNetwork;
      const names = moved(model, frozenStages, frozenStages === 1 ? "first stage" : undefined);
      for (const name of network.state().keys()) {
        expect([name, names.has(name)]).toEqual([name, network.stageOf(name) >= frozenStages]);
      }
      expect(names.size).toBeGreaterThan(0);
      model.dispose();
    }
  });

  test("a training pass through frozen stages gives what evaluation gives", () => {
    scope(() => {
      const model = make();
      const { stages } = model.network as StagedNetwork;
      moved(model, 0);
      const { images } = batchFromPixels(batch(7), { seed: 0, epoch: 0 });
      const pass = { ...TRAIN, stochastic: false, route: "aux" };
      const expected = model.forward(images, { ...EVAL, route: "aux" }).toNumbers();
      // A wide ResNet's last norm comes after all stages, so it uses batch statistics.
      const last = "bn1.weight";
      const free = (model.network as StagedNetwork).stageOf(last) > stages;
      const frozen = model.forward(images, { ...pass, frozenStages: stages }).toNumbers();
      const trained = model.forward(images, pass).toNumbers();
      const distance = (a: readonly number[]) => Math.max(...a.map((value, i) => Math.abs(value - expected[i])));
      if (free) expect(frozen).not.toEqual(trained);
      else expect(distance(frozen)).toBeLessThan(1e-4 * Math.max(1, ...expected.map(Math.abs)));
      expect(distance(trained)).toBeGreaterThan(1e-2);
      model.dispose();
    });
  });
});

test("a wide ResNet's last norm comes after all stages, a ResNet's first norm belongs to its stem", () => {
  const stageOf = (name: string, parameter: string) => (make(name).network as StagedNetwork).stageOf(parameter);
  const make = (name: string) => createClassifier(name, { classes: CLASSES });
  expect(stageOf("wide-resnet-16-2", "bn1.weight")).toBe(Number.POSITIVE_INFINITY);
  expect(stageOf("wide-resnet-16-2", "conv1.weight")).toBe(0);
  expect(stageOf("wide-resnet-16-2", "block2.layer.0.bn1.aux_bn.0.running_mean")).toBe(2);
  expect(stageOf("resnet18", "bn1.weight")).toBe(0);
  expect(stageOf("resnet18", "layer4.1.bn2.bias")).toBe(4);
  expect(stageOf("efficientnet-b0", "bn2.weight")).toBe(7);
});

test("more stages than there are cannot be frozen", () => {
  const { network } = createClassifier("resnet8", { classes: CLASSES });
  const { code, message } = codedError(() => parameterGroups(network, { ...EVEN, frozenStages: 5 }));
  expect(code).toBe("ERR_FINETUNE");
  expect(message).toContain("at most 4");
});

describe("learning rates", () => {
  const ratesOf = (name: string, finetuning: Partial<Parameters<typeof parameterGroups>[1]>) => {
    const { network } = createClassifier(name, { classes: CLASSES, routes: ["aux"] });
    const groups = parameterGroups(network, { ...EVEN, frozenStages: 0, ...finetuning });
    const rates = groups.flatMap(({ parameters, rateFactor }) => parameters.map(([of]) => [of, rateFactor] as const));
    expect(new Set(groups.map(({ rateFactor }) => rateFactor)).size).toBe(groups.length);
    return new Map(rates);
  };

  test("fall from stage to stage towards the input, from that of the body; the head has the schedule's", () => {
    // resnet18 has a stem, stage 0, and four more stages.
    const rates = ratesOf("resnet18", { bodyRate: 0.5, layerDecay: 0.5 });
    expect(["fc.weight", "fc.bias"].map((name) => rates.get(name))).toEqual([1, 1]);
    expect([4, 3, 2, 1].map((i) => rates.get(`layer${i}.1.conv2.weight`))).toEqual([0.5, 0.25, 0.125, 0.0625]);
    expect(rates.get("conv1.weight")).toBe(0.03125);
    expect(rates.get("layer3.0.bn1.aux_bn.0.weight")).toBe(0.25);
    // Layers between the last stage and the head have the rate of that stage.
    expect(ratesOf("wide-resnet-10-1", { bodyRate: 0.5, layerDecay: 0.1 }).get("bn1.weight")).toBe(0.5);
  });

  test("have only the body's factor without a decay, and a rate of 0 trains nothing", () => {
    const even = ratesOf("resnet18", { bodyRate: 0.25 });
    expect(new Set(even.values())).toEqual(new Set([0.25, 1]));
    expect([...ratesOf("resnet18", { bodyRate: 0 }).keys()]).toEqual(["fc.weight", "fc.bias"]);
    const last = ratesOf("resnet18", { layerDecay: 0, frozenStages: 2 });
    expect([...last.keys()].every((name) => /^(?:layer4|fc)\./.test(name))).toBe(true);
  });
});
