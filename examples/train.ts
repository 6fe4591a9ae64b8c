/**
 * AdvProp in thirty lines: ResNet-20 on CIFAR-10. Run it with the folder of the binary version:
 *
 *     npx tsc -p examples && node build/examples/train.js cifar-10-batches-bin
 */
import * as ap from "advprop";
import * as engine from "advprop/engine";

const [folder, images = "10000", epochs = "15"] = process.argv.slice(2);
const train = ap.limitPrefix(ap.loadCifar(folder, "train"), Number(images));
const test = ap.loadCifar(folder, "test");
ap.setThreads(0);

const model = ap.createClassifier("resnet20", { classes: train.classes, routes: ["aux"] }).initialize(0);
const threatModel = engine.linf(1 / 255);
const attack = engine.pgd({ threatModel, stepSize: 1 / 255, steps: 1, target: "random", randomStart: true });
const loader = ap.trainingLoader(train, { batchSize: 128, seed: 0, augmentation: { crop: 4, flip: true } });
const totalSteps = Number(epochs) * loader.stepsPerEpoch;
const schedule = engine.cosine({ peak: 0.1, totalSteps, warmupSteps: totalSteps / 20 });
const gradients = new engine.GradientStore(model.parameters.map((parameter) => parameter.value));
const decays = (parameter: engine.Parameter) => parameter.kind !== "norm";
const momentum = { momentum: 0.9, nesterov: true };
const optimizer = new engine.Sgd([...model.network.namedParameters()], { ...momentum, weightDecay: 5e-4, decays });

for (let epoch = 0, step = 0; epoch < Number(epochs); epoch++) {
  for await (const pixels of loader.epoch(epoch, 0)) {
    engine.scope(() => {
      const batch = engine.batchFromPixels(pixels, { seed: 0, epoch });
      const { cleanLoss, adversarialLoss } = engine.advPropStep({ model, attack, gradients, labelSmoothing: 0 }, batch);
      optimizer.step(gradients.read(), schedule(step++));
      gradients.clear();
      if (step % 10 === 0) console.log(`${step}/${totalSteps}:`, cleanLoss.item(), adversarialLoss.item());
    });
  }
}
const { accuracy } = await engine.evaluateAccuracy(engine.classifierPredictor(model), test, 200);
console.log("test accuracy:", accuracy);
