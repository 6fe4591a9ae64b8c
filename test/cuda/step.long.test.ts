/** Whole AdvProp updates through the CUDA kernels, emulated, against the same updates by the CPU's. */
import { beforeAll, describe, expect, test } from "vitest";
import { pgd } from "../../src/attacks/pgd.js";
import { linf } from "../../src/attacks/threat-model.js";
import { defaultView } from "../../src/evaluation/view.js";
import { Classifier, NORMALIZATIONS } from "../../src/models/classifier.js";
import { EfficientNet } from "../../src/models/efficientnet.js";
import { imagesFromPixels, labelsTensor } from "../../src/models/pixels.js";
import { createClassifier } from "../../src/models/registry.js";
import { ATTACK } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { normFactory } from "../../src/nn/routed-batch-norm.js";
import { RmsProp } from "../../src/optim/rmsprop.js";
import { type DType, GradientStore, gradientOf, scope } from "../../src/tensor/index.js";
import { advPropStep } from "../../src/training/methods/advprop.js";
import { update } from "../../src/training/update.js";
import { canEmulate, difference, emulated, loadEmulation } from "../support/emulated.js";

const SIDE = 16;

const batch = {
  pixels: Uint8Array.from({ length: 3 * SIDE * SIDE * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
  labels: Int32Array.of(0, 1, 2),
  samples: Uint32Array.of(5, 6, 7),
  height: SIDE,
  width: SIDE,
};

/** Two updates: their losses and gradient norms, and the state of the network after the first. */
function train(dtype: DType): { readonly measures: number[]; readonly state: Map<string, number[]> } {
  return scope(() => {
    const model = createClassifier("resnet8", { classes: ["a", "b", "c"], routes: ["aux"], imageSize: SIDE });
    model.initialize(1, dtype);
    const named = Array.from(model.network.namedParameters());
    const gradients = new GradientStore(named.map(([, { value }]) => value));
    const optimizer = new RmsProp(named, {
      decay: 0.9,
      momentum: 0.9,
      epsilon: 1e-3,
      weightDecay: 1e-5,
      decays: ({ kind }) => kind === "weight",
    });
    const attack = pgd({
      threatModel: linf(4 / 255),
      stepSize: 1 / 255,
      steps: 1,
      target: "random",
      randomStart: true,
    });
    const step = (given: Parameters<typeof advPropStep>[1]) =>
      advPropStep({ model, attack, gradients, labelSmoothing: 0.1 }, given);
    const measures: number[] = [];
    let state = new Map<string, number[]>();
    for (let i = 0; i < 2; i++) {
      const context = { seed: 0, epoch: i, step: i, rate: 0.01, saved: 0 };
      const { metrics, gradientNorm } = update({ step, gradients, optimizer }, [batch], context);
      measures.push(metrics.cleanLoss ?? 0, metrics.adversarialLoss ?? 0, gradientNorm);
      if (i === 0) state = new Map(Array.from(model.network.state(), ([key, tensor]) => [key, tensor.toNumbers()]));
    }
    model.dispose();
    for (const tensor of optimizer.state().values()) tensor.dispose();
    return { measures, state };
  });
}

describe.skipIf(!canEmulate)("an AdvProp update on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  test.each([
    ["float32", 2e-3],
    ["bfloat16", 5e-2],
  ] as const)("the whole step of a ResNet in %s", (dtype, bound) => {
    const [actual, expected] = [emulated(() => train(dtype)), train(dtype)];
    // A pixel whose attack gradient is nearly zero may step the other way, which no two implementations agree on.
    expect(difference(actual.measures, expected.measures)).toBeLessThan(bound);
    expect([...actual.state.keys()]).toEqual([...expected.state.keys()]);
    for (const [key, numbers] of expected.state) {
      expect(difference(actual.state.get(key) ?? [], numbers), key).toBeLessThan(bound);
    }
  });

  test.each([
    ["float32", 1e-4],
    ["bfloat16", 5e-2],
  ] as const)("a pass by running statistics through an EfficientNet in %s", (dtype, bound) => {
    const network = new EfficientNet({ width: 0.25, depth: 0.5, dropout: 0 }, 3, normFactory([]));
    const specification = {
      name: "small",
      classes: ["a", "b", "c"],
      routes: [],
      imageSize: SIDE,
      view: defaultView(SIDE),
    };
    const model = new Classifier(network, { ...specification, normalization: NORMALIZATIONS.half }).initialize(
      1,
      dtype,
    );
    const run = () =>
      scope(() => {
        const images = imagesFromPixels(batch).requireGradient();
        const logits = model.forward(images, { ...ATTACK, trainable: true, route: "main" });
        const gradient = gradientOf(crossEntropy(logits, labelsTensor(batch.labels), 0, "sum"), images).toNumbers();
        const largest = Math.max(...gradient.map(Math.abs));
        return { logits: logits.toNumbers(), gradient: gradient.map((value) => value / largest) };
      });
    const [actual, expected] = [emulated(run), run()];
    expect(difference(actual.logits, expected.logits)).toBeLessThan(bound);
    expect(difference(actual.gradient, expected.gradient)).toBeLessThan(bound);
    network.dispose();
  });
});
