import { existsSync } from "node:fs";
import { join } from "node:path";
import { evaluate, evaluateSuite, openRun, openSourceImages, writeCorruptedSet } from "../dist/index.js";

/** Test images that are corrupted and stylised, and those that are attacked. */
const CORRUPTED_IMAGES = 1000;
const ATTACKED_IMAGES = 500;
const ATTACK = { name: "pgd", epsilon: "2/255", steps: 10 };

/**
 * Accuracies of a run's last epoch on test images, as fractions: all clean ones through each route, the first 1,000 under the
 * fifteen corruptions at severities 1 to 5 and re-textured, 500 under PGD-10; and how far the norms have drifted apart, by layer.
 *
 * @param corrupted folder of the corrupted images, made where it is absent
 */
export async function measure(run, data, corrupted) {
  const common = { data, checkpoint: "last", threads: 1 };
  const { accuracy, count } = await evaluate(run, common);
  const drift = openRun(run).batchNormDrift().at(-1);
  const auxiliary = drift && (await evaluate(run, { ...common, route: drift.route })).accuracy;
  const attacked = await evaluate(run, { ...common, attack: ATTACK, limitTest: ATTACKED_IMAGES });
  if (!existsSync(join(corrupted, "labels.npy"))) {
    await writeCorruptedSet(await openSourceImages(data, { part: "test", limit: CORRUPTED_IMAGES, seed: 0 }), {
      to: corrupted,
      seed: 0,
    });
  }
  const suite = (options, folder) => evaluateSuite([run], { ...common, ...options, to: join(run, folder) });
  const { models } = (await suite({ data: corrupted, limitTest: CORRUPTED_IMAGES }, "corrupted")).result;
  const errors = models[0].errors.flatMap(({ bySeverity }) => bySeverity);
  const { measures } = (await suite({ parts: ["stylised"], limitTest: CORRUPTED_IMAGES }, "stylised")).result;
  return {
    clean: accuracy,
    images: count,
    ...(drift && { auxiliary }),
    corrupted: 1 - errors.reduce((sum, error) => sum + error, 0) / errors.length,
    stylised: measures[0].values[0].value,
    attacked: attacked.robustAccuracy,
    ...(drift && { drift: drift.layers }),
  };
}
