// A network, an attack and a corruption of one's own, registered and used: node build/examples/own-parts.js RUN
import {
  corruptedDataset,
  evaluate,
  registerAttack,
  registerCorruption,
  registerModel,
  shapesDataset,
  train,
} from "advprop";
import * as engine from "advprop/engine";

/** Two convolutions, each with batch norms for every route, and a linear layer over the mean of all pixels. */
class Tiny extends engine.Module {
  readonly #layers: engine.Sequence;
  readonly #head: engine.Linear;

  constructor(classes: number, routes: readonly string[]) {
    super();
    const norm = engine.normFactory(routes);
    this.#layers = this.child(
      "features",
      new engine.Sequence([
        new engine.Conv2d(3, 16, 3),
        norm(16, "relu"),
        new engine.Conv2d(16, 32, 3, { stride: 2 }),
        norm(32, "relu"),
      ]),
    );
    this.#head = this.child("fc", new engine.Linear(32, classes));
  }

  protected compute(x: engine.Tensor, context: engine.ForwardContext): engine.Tensor {
    return this.#head.forward(engine.globalAveragePool(this.#layers.forward(x, context)), context);
  }
}

registerModel({
  name: "tiny",
  imageSize: 32,
  classes: 10,
  build: (classes, routes) => new Tiny(classes, routes),
});

// FGSM from a corner of the ball: every pixel is first moved by epsilon / 2 to the brighter side.
const brightFgsm = registerAttack({
  name: "bright-fgsm",
  gradients: () => 1,
  create({ epsilon, target }) {
    const ball = engine.linf(epsilon);
    const fgsm = engine.fgsm({ threatModel: ball, target });
    return {
      perturb: (logits, images, labels, keys) =>
        ball.project(fgsm.perturb(logits, engine.add(images, epsilon / 2), labels, keys), images),
    };
  },
});

// Every second row is black.
registerCorruption("scan_lines", ({ pixels, height, width }, severity) => {
  const lines = pixels.slice();
  for (let row = 0; row < height; row += 7 - severity) lines.fill(0, row * width * 3, (row + 1) * width * 3);
  return lines;
});

const { run, step } = await train(
  {
    model: "tiny",
    data: { path: "shapes", shapes: { images: 640, validationImages: 0, testImages: 200 } },
    attack: { name: brightFgsm, epsilon: "2/255" },
    training: { epochs: 2, batchSize: 64 },
  },
  { run: process.argv[2] },
);
const { accuracy, robustAccuracy } = await evaluate(run, { attack: { name: brightFgsm, epsilon: "2/255" } });
console.log(`${step} updates; accuracy ${accuracy}, under the attack ${robustAccuracy}`);

const clean = shapesDataset({ split: "test", count: 200, size: 32, seed: 0 });
const lined = corruptedDataset(clean, "scan_lines", { severity: 3, seed: 0 });
const model = await engine.openPredictor(run);
console.log("accuracy with scan lines:", (await engine.evaluateAccuracy(model, lined, 100)).accuracy);
await model.close();
