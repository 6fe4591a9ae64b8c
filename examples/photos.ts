// Trains on a folder of photos, a folder per class, measures the result and classifies one photo: node build/examples/photos.js PHOTOS PHOTO RUN
import { defineRecipe, evaluate, openClassifier, train } from "advprop";

const [photos, photo, folder] = process.argv.slice(2);
const recipe = defineRecipe({
  model: "resnet20",
  method: "advprop",
  data: { path: photos, imageSize: 64 },
  training: { epochs: 2, batchSize: 8 },
});
const { run, step } = await train(recipe, {
  run: folder,
  onEvent: (event) => {
    if (event.type === "note") console.log(event.message);
    if (event.type === "epoch") console.log(`epoch ${event.epoch + 1}:`, event.meanLosses);
  },
});
const { accuracy, robustAccuracy } = await evaluate(run, { attack: { name: "pgd", epsilon: "1/255" } });
console.log(`${step} updates; accuracy ${accuracy} on the test photos, ${robustAccuracy} under PGD-10`);

const classifier = await openClassifier(run);
for (const { class: name, probability } of await classifier.classify(photo)) {
  console.log(name, `${(100 * probability).toFixed(1)} %`);
}
await classifier.close();
