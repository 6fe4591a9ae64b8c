// The images of a question: where they lie, how they are split, and the test images of a training.

import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PHOTO_SIZE } from "./questions/photos.mjs";

/** Test images that are corrupted and stylised, and those that are attacked. */
const CIFAR_TEST = { corrupted: 1000, attacked: 500 };
const PHOTO_TEST = { corrupted: 200, attacked: 100 };
const PHOTO_SEVERITIES = [1, 3, 5];

/**
 * What a training of a question reads: `trained` gives its images and their split, `tested` its test images, those of them that are
 * corrupted, and how many are attacked.
 *
 * @param work folder of what is made of the data
 */
export async function imagesFor(product, { photos = false, folds }, data, work) {
  return photos ? photoFolds(product, data, folds, work) : cifar(product, data, work);
}

async function cifar(product, data, work) {
  const corrupted = join(work, "corrupted");
  return {
    trained: () => ({ path: data }),
    tested: async () => {
      await corruptedSet(product, corrupted, data, { part: "test", limit: CIFAR_TEST.corrupted }, {});
      return { data, corrupted, counts: CIFAR_TEST };
    },
  };
}

/**
 * Candidates take the set's own parts, so its photos for validation choose the settings. The folds are of all other photos. So no
 * photo that is tested has chosen a setting.
 */
async function photoFolds(product, data, folds, work) {
  const all = join(work, "photos");
  await copyPhotos(data, partsOf(data, ["train", "test"]), all);
  const { foldSplits } = await product.load("data/folders/folds.js");
  const splits = await foldSplits(all, folds, 0);
  return {
    trained: ({ fold }) => (fold === undefined ? { path: data } : { path: all, split: splits[fold] }),
    tested: async ({ fold }) => {
      const tested = join(work, `photos-fold-${fold}`);
      await copyPhotos(
        all,
        splits[fold].parts.test.map((file) => ({ from: file, to: file })),
        tested,
      );
      const corrupted = `${tested}-corrupted`;
      const source = { part: "test", imageSize: PHOTO_SIZE, limit: PHOTO_TEST.corrupted };
      await corruptedSet(product, corrupted, tested, source, { severities: PHOTO_SEVERITIES });
      return { data: tested, corrupted, counts: PHOTO_TEST };
    },
  };
}

/** Writes corrupted images where they are absent. */
async function corruptedSet({ library }, to, data, source, options) {
  await whole(to, async (unfinished) => {
    const images = await library.openSourceImages(data, { ...source, seed: 0 });
    await library.writeCorruptedSet(images, { to: unfinished, seed: 0, ...options });
  });
}

/** The photos of some parts of a set, and their places in a folder of classes. */
const partsOf = (data, parts) =>
  parts.flatMap((part) =>
    readdirSync(join(data, part)).flatMap((name) =>
      readdirSync(join(data, part, name)).map((file) => ({
        from: join(part, name, file),
        to: join(name, `${part}-${file}`),
      })),
    ),
  );

const copyPhotos = (folder, files, to) =>
  whole(to, (unfinished) => {
    for (const file of files) {
      mkdirSync(join(unfinished, file.to, ".."), { recursive: true });
      copyFileSync(join(folder, file.from), join(unfinished, file.to));
    }
  });

/** Makes a folder where it is absent. It gets its name when it is complete, so that two processes can run side by side. */
async function whole(to, make) {
  if (existsSync(to)) return;
  const unfinished = `${to}.tmp-${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  await make(unfinished);
  try {
    renameSync(unfinished, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
    rmSync(unfinished, { recursive: true });
  }
}
