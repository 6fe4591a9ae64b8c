/**
 * A classifier that sees patches of 9 x 9 pixels and nothing else: what local texture and colour alone tell of the class.
 * In the manner of BagNets (Brendel and Bethge 2019, https://arxiv.org/abs/1904.00760), much smaller.
 */

import { evaluationBatches, trainingLoader } from "../dist/data/loading/loader.js";
import { predict } from "../dist/evaluation/predictions.js";
import { Classifier, NORMALIZATIONS } from "../dist/models/classifier.js";
import { Conv2d } from "../dist/nn/layers/convolution.js";
import { Linear } from "../dist/nn/layers/linear.js";
import { globalAveragePool } from "../dist/nn/layers/pooling.js";
import { Module } from "../dist/nn/module.js";
import { normFactory } from "../dist/nn/routed-batch-norm.js";
import { Sequence } from "../dist/nn/sequence.js";
import { cosine } from "../dist/optim/schedule.js";
import { Sgd } from "../dist/optim/sgd.js";
import { classifierPredictor } from "../dist/predictors/classifier-predictor.js";
import { GradientStore } from "../dist/tensor/index.js";
import { vanillaStep } from "../dist/training/methods/vanilla.js";
import { update } from "../dist/training/update.js";

/**
 * Convolutions 3 (receptive field 3), 3 with stride 2 (5), 3 (9) and 1 (9), without padding, so that a position sees its patch and
 * not where it lies; the mean of the features of all positions and an affine layer, which is the mean of the patches' logits.
 */
class PatchNetwork extends Module {
  #features;
  #classifier;

  constructor(classes) {
    super();
    const norm = normFactory([]);
    const block = (inputs, outputs, size, stride) => [
      new Conv2d(inputs, outputs, size, { stride, padding: 0 }),
      norm(outputs, "relu"),
    ];
    this.#features = this.child(
      "features",
      new Sequence([...block(3, 32, 3, 1), ...block(32, 64, 3, 2), ...block(64, 128, 3, 1), ...block(128, 128, 1, 1)]),
    );
    this.#classifier = this.child("fc", new Linear(128, classes));
  }

  compute(images, context) {
    return this.#classifier.forward(globalAveragePool(this.#features.forward(images, context)), context);
  }
}

/** Trains one on a data set: SGD, one-cycle cosine, flips. */
export async function trainPatchClassifier(dataset, { epochs, batchSize = 64, sampler, seed = 0, onEpoch }) {
  const specification = {
    name: "patches",
    classes: dataset.classes,
    routes: [],
    normalization: NORMALIZATIONS.half,
    imageSize: dataset.height,
  };
  const model = new Classifier(new PatchNetwork(dataset.classes.length), specification).initialize(seed);
  const gradients = new GradientStore(model.parameters.map(({ value }) => value));
  const optimizer = new Sgd(Array.from(model.network.namedParameters()), {
    momentum: 0.9,
    nesterov: true,
    weightDecay: 5e-4,
    decays: () => true,
  });
  const loader = trainingLoader(dataset, { batchSize, seed, sampler, augmentation: { crop: 0, flip: true } });
  const totalSteps = epochs * loader.stepsPerEpoch;
  const schedule = cosine({ peak: 0.05, totalSteps, warmupSteps: Math.ceil(totalSteps / 20) });
  const step = (batch) => vanillaStep({ model, gradients, labelSmoothing: 0 }, batch);
  let done = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    let loss = 0;
    for await (const batch of loader.epoch(epoch, 0)) {
      const context = { seed, epoch, step: done, rate: schedule(done), saved: 0 };
      loss += update({ step, gradients, optimizer }, [batch], context).metrics.cleanLoss;
      done++;
    }
    onEpoch?.(epoch, loss / loader.stepsPerEpoch);
  }
  return model;
}

/** Accuracy, and its mean over the classes, in [0, 1]. */
export async function accuracyOf(model, dataset) {
  const { labels, predicted, classes } = await predict(classifierPredictor(model), evaluationBatches(dataset, 250));
  const right = classes.map(() => 0);
  const all = classes.map(() => 0);
  labels.forEach((label, i) => {
    all[label]++;
    if (predicted[i] === label) right[label]++;
  });
  const total = right.reduce((sum, count) => sum + count, 0);
  return {
    accuracy: total / labels.length,
    balanced: right.reduce((sum, count, k) => sum + count / all[k], 0) / classes.length,
  };
}
