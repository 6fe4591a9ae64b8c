/**
 * AdvProp in thirty lines: ResNet-20 on CIFAR-10. Run it with the folder of the binary version:
 *
 *     npx tsc -p examples && node build/examples/train.js cifar-10-batches-bin
 */
import {
  advPropStep,
  batchFromPixels,
  classifierPredictor,
  cosine,
  createClassifier,
  evaluateAccuracy,
  GradientStore,
  limitPrefix,
  linf,
  loadCifar,
  pgd,
  Sgd,
  scope,
  setThreads,
  trainingLoader,
} from "advprop"; // prettier-ignore

const [folder, images = "10000", epochs = "15"] = process.argv.slice(2);
const train = limitPrefix(loadCifar(folder, "train"), Number(images));
const test = loadCifar(folder, "test");
setThreads(0);

const model = createClassifier("resnet20", { classes: train.classes, routes: ["aux"] }).initialize(0);
const attack = pgd({ threatModel: linf(1 / 255), stepSize: 1 / 255, steps: 1, target: "random", randomStart: true });

const loader = trainingLoader(train, { batchSize: 128, seed: 0, augmentation: { crop: 4, flip: true } });
const totalSteps = Number(epochs) * loader.stepsPerEpoch;
const schedule = cosine({ peak: 0.1, totalSteps, warmupSteps: totalSteps / 20 });
const gradients = new GradientStore(model.parameters.map((parameter) => parameter.value));
const optimizer = new Sgd([...model.network.namedParameters()], {
  momentum: 0.9,
  nesterov: true,
  weightDecay: 5e-4,
  decays: (parameter) => parameter.kind !== "norm",
});

for (let epoch = 0, step = 0; epoch < Number(epochs); epoch++) {
  for await (const pixels of loader.epoch(epoch, 0)) {
    scope(() => {
      const losses = advPropStep(
        { model, attack, gradients, labelSmoothing: 0 },
        batchFromPixels(pixels, { seed: 0, epoch }),
      );
      optimizer.step(gradients.read(), schedule(step++));
      gradients.clear();
      if (step % 10 === 0) console.log(`step ${step}/${totalSteps}`, losses);
    });
  }
}
console.log("test accuracy:", (await evaluateAccuracy(classifierPredictor(model), test, 200)).accuracy);
