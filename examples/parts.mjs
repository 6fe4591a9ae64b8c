// A network, an attack and a corruption of one's own, in one file that the command line loads:
// advprop train --parts examples/parts.mjs --data shapes --model mobile-32 --attack mi-fgsm --run RUN
import { registerAttack, registerCorruption, registerModel } from "advprop";
import * as engine from "advprop/engine";

/** How many times as many channels a block has inside. */
const EXPANSION = 4;
/** A small MobileNetV2 for images of 32 pixels: the channels of each stage, its blocks, and the stride of the first of them. */
const STAGES = [
  { channels: 16, blocks: 1, stride: 1 },
  { channels: 24, blocks: 2, stride: 2 },
  { channels: 32, blocks: 2, stride: 2 },
];

/** An inverted residual block: Sandler et al. 2018, https://arxiv.org/abs/1801.04381, figure 3. */
class InvertedResidual extends engine.Module {
  #layers;
  #norm;
  #residual;

  constructor(inputs, outputs, stride, norm) {
    super();
    const inner = EXPANSION * inputs;
    const layers = [
      new engine.Conv2d(inputs, inner, 1),
      norm(inner, "relu6"),
      new engine.Conv2d(inner, inner, 3, { stride, groups: inner }),
      norm(inner, "relu6"),
      new engine.Conv2d(inner, outputs, 1),
    ];
    this.#layers = this.child("layers", new engine.Sequence(layers));
    this.#norm = this.child("norm", norm(outputs, "identity"));
    this.#residual = stride === 1 && inputs === outputs;
  }

  compute(x, context) {
    const y = this.#layers.forward(x, context);
    return this.#residual ? this.#norm.forwardWithResidual(y, x, context) : this.#norm.forward(y, context);
  }
}

/** Images (N, 3, H, W), normalised, to logits (N, classes). */
class Mobile extends engine.StagedNetwork {
  stages = 1 + STAGES.length;
  #stem;
  #stages;
  #classifier;

  constructor(classes, norm) {
    super();
    this.#stem = this.child("stem", new engine.Sequence([new engine.Conv2d(3, 16, 3), norm(16, "relu6")]));
    let inputs = 16;
    this.#stages = STAGES.map(({ channels, blocks, stride }, i) => {
      const stage = Array.from({ length: blocks }, (_, j) => {
        const block = new InvertedResidual(inputs, channels, j === 0 ? stride : 1, norm);
        inputs = channels;
        return block;
      });
      return this.child(`stages.${i}`, new engine.Sequence(stage));
    });
    this.#classifier = this.child("classifier", new engine.Linear(inputs, classes));
  }

  compute(images, context) {
    let x = this.#stem.forward(images, engine.contextOfStage(context, 0));
    for (const [i, stage] of this.#stages.entries()) x = stage.forward(x, engine.contextOfStage(context, i + 1));
    return this.#classifier.forward(engine.globalAveragePool(x), context);
  }

  stageOf(name) {
    if (name.startsWith("classifier.")) return Number.POSITIVE_INFINITY;
    const [, stage] = /^stages\.(\d+)\./.exec(name) ?? [];
    return stage === undefined ? 0 : Number(stage) + 1;
  }
}

registerModel({
  name: "mobile-32",
  imageSize: 32,
  classes: 10,
  build: (classes, routes) => new Mobile(classes, engine.normFactory(routes)),
});

// MI-FGSM: steps along the sum of the gradients so far, each divided by its L1 norm. Dong et al. 2018, https://arxiv.org/abs/1710.06081
registerAttack({
  name: "mi-fgsm",
  parameters: { decay: 1 },
  create({ norm, epsilon, stepSize, steps, target, labelSmoothing, parameters: { decay } }) {
    const ball = norm === "linf" ? engine.linf(epsilon) : engine.l2(epsilon);
    return {
      perturb: (logits, images, labels, keys) =>
        engine.scope(() => {
          let goal = target === "random" ? undefined : labels;
          let adversarial = images;
          let momentum = engine.zerosLike(images);
          for (let step = 0; step < steps; step++) {
            [adversarial, momentum, goal] = engine.scope(() => {
              const x = engine.detach(adversarial).requireGradient();
              const output = logits(x);
              const aim = goal ?? engine.randomTargets(labels, output.shape[1], keys);
              const gradient = engine.gradientOf(engine.crossEntropy(output, aim, labelSmoothing, "sum"), x);
              const length = engine.clamp(engine.sum(engine.abs(gradient), [1, 2, 3], true), 1e-30, null);
              const sums = engine.add(engine.mul(momentum, decay), engine.div(gradient, length));
              const size = target === "none" ? stepSize : -stepSize;
              return [ball.advance(adversarial, sums, size, images), sums, aim];
            });
          }
          return adversarial;
        }),
    };
  },
});

// A share of the pixels becomes black or white.
registerCorruption("salt_and_pepper", ({ pixels, height, width }, severity, draws) => {
  const noisy = pixels.slice();
  for (let i = 0; i < height * width; i++) {
    if (draws.uniform() < 0.03 * severity) noisy.fill(255 * draws.integer(2), 3 * i, 3 * i + 3);
  }
  return noisy;
});
