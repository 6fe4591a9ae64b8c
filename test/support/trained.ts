/** Classifiers whose norms change something: those of an untrained network do not, and hide mistakes. */
import type { Pixels } from "../../src/data/loading/batch.js";
import type { Classifier } from "../../src/models/classifier.js";
import { Sgd } from "../../src/optim/sgd.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { fromArray, GradientStore, scope } from "../../src/tensor/index.js";
import { copy_ } from "../../src/tensor/operators.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { vanillaStep } from "../../src/training/methods/vanilla.js";
import { makeDataset } from "./datasets.js";

/**
 * Gives every norm its own scale, shift and running statistics, near those of a new network. Every one of them then changes the logits,
 * and rounding hardly does. After a few steps of training rounding can change those of a deep network by half.
 */
export function randomNorms(model: Classifier): Classifier {
  const state = model.network.state();
  const ranges = { weight: [0.8, 1.2], bias: [-0.2, 0.2], running_mean: [-0.2, 0.2], running_var: [0.8, 1.6] } as const;
  const norms = [...state.keys()].filter((name) => name.endsWith(".running_mean"));
  for (const [i, mean] of norms.entries()) {
    for (const [j, [part, [low, high]]] of Object.entries(ranges).entries()) {
      const tensor = state.get(mean.replace(/running_mean$/, part))!;
      const random = new KeyedRandom(i, Purpose.synthesis, j);
      const values = Float32Array.from({ length: tensor.size }, (_, k) => low + (high - low) * random.uniform(k));
      scope(() => copy_(tensor, fromArray(values, tensor.shape)));
    }
  }
  return model;
}

/** Ten steps on images of noise, of any classes, then frees what training needed. */
export function trainTenSteps(model: Classifier, batch = 4): Classifier {
  const { imageSize, classes } = model.specification;
  const options = { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decays: () => true };
  const gradients = new GradientStore(model.parameters.map(({ value }) => value));
  const optimizer = new Sgd([...model.network.namedParameters()], options);
  const set = makeDataset({ length: 10 * batch, classes: classes.length, height: imageSize, width: imageSize });
  for (let step = 0; step < 10; step++) {
    const samples = set.samples.subarray(step * batch, (step + 1) * batch);
    const labels = set.labels.subarray(step * batch, (step + 1) * batch);
    const pixels = Buffer.concat(Array.from(samples, (sample) => set.pixels(sample)));
    scope(() => {
      const images = { pixels, labels, samples, height: imageSize, width: imageSize };
      vanillaStep({ model, gradients, labelSmoothing: 0 }, batchFromPixels(images, { seed: 0, epoch: 0 }));
      optimizer.step(gradients.read(), 0.01);
      gradients.clear();
    });
  }
  for (const tensor of optimizer.state().values()) tensor.dispose();
  return model;
}

/** Images of noise that no training has seen. */
export function noiseImages(count: number, size: number): Pixels {
  const set = makeDataset({ length: 1000 + count, classes: 2, height: size, width: size });
  const pixels = Buffer.concat(Array.from({ length: count }, (_, i) => set.pixels(1000 + i)));
  return { pixels, height: size, width: size };
}
