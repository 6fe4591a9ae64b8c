/**
 * Does re-texturing do what it is for? A classifier of 9-pixel patches is trained on the original images of CIFAR-10 and of a folder
 * of photos (at 64 pixels), and measured on the originals and on their re-textured copies; and the edge maps of both are
 * correlated, image by image (of the photos at 160 pixels).
 *
 *     npm run build && nice node bench/stylize.mjs CIFAR10_FOLDER PHOTOS_FOLDER      (one thread; 15 minutes on a quiet machine)
 */

import { loadCifar } from "../dist/data/datasets/cifar.js";
import { InMemoryDataset } from "../dist/data/datasets/dataset.js";
import { scanImageFolder } from "../dist/data/folders/image-folder.js";
import { evaluationPhotos } from "../dist/data/photos/photo-loader.js";
import { photoSet } from "../dist/data/photos/photo-set.js";
import { stylizedDataset } from "../dist/data/writing/stylize.js";
import { setThreads } from "../dist/tensor/index.js";
import { edgeCorrelation } from "../test/support/edge-correlation.mjs";
import { accuracyOf, trainPatchClassifier } from "./patch-network.mjs";

const SEED = 0;
setThreads(1);
const [cifar, photos] = process.argv.slice(2);
if (photos === undefined) throw new Error("usage: node bench/stylize.mjs CIFAR10_FOLDER PHOTOS_FOLDER");

const test = loadCifar(cifar, "test");
await measure("CIFAR-10", loadCifar(cifar, "train"), test, test, { epochs: 6, batchSize: 64 });
await measure(
  scanImageFolder(photos).name,
  await photosInMemory(photos, "train", 64),
  await photosInMemory(photos, "test", 64),
  await photosInMemory(photos, "test", 160),
  { epochs: 12, batchSize: 32 },
);

async function measure(name, train, patches, edges, options) {
  console.log(`${name}: ${train.length} training and ${patches.length} test images, ${train.classes.length} classes`);
  const onEpoch = (epoch, loss) => console.log(`  epoch ${epoch + 1}/${options.epochs}: loss ${loss.toFixed(3)}`);
  const model = await trainPatchClassifier(train, { ...options, seed: SEED, onEpoch });
  const percent = ({ accuracy, balanced }) =>
    `${(100 * accuracy).toFixed(1)} %, mean over the classes ${(100 * balanced).toFixed(1)} %`;
  console.log(`  9-pixel patches, original:    ${percent(await accuracyOf(model, patches))}`);
  console.log(`  9-pixel patches, re-textured: ${percent(await accuracyOf(model, stylizedDataset(patches, SEED)))}`);
  const styled = stylizedDataset(edges, SEED);
  const found = Array.from({ length: edges.length }, (_, i) =>
    edgeCorrelation(edges.pixels(i), styled.pixels(i), edges.height, edges.width),
  ).sort((a, b) => a - b);
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  const tenth = found[Math.floor(found.length / 10)];
  console.log(
    `  edge maps at ${edges.width} pixels: correlation ${mean.toFixed(3)} on average, ${tenth.toFixed(3)} at the lowest tenth`,
  );
}

/** The photos of a part at one size, short side resized and the middle cut. */
async function photosInMemory(path, part, size) {
  const folder = scanImageFolder(path);
  const set = photoSet(folder, folder.parts[part], folder.parts[part]);
  const pixels = new Uint8Array(set.length * size * size * 3);
  let at = 0;
  const source = evaluationPhotos(set, { size, cropFraction: 1, batchSize: 64, workers: 1 });
  for await (const batch of source) {
    pixels.set(batch.pixels, at);
    at += batch.pixels.length;
  }
  await source.close();
  const { classes, labels } = set;
  return new InMemoryDataset({ name: folder.name, classes, height: size, width: size, labels, pixels });
}
