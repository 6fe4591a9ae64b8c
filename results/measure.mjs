import { join } from "node:path";

const ATTACK = { name: "pgd", epsilon: "2/255", steps: 10 };

/**
 * Accuracies of a run's last epoch on test images, as fractions: all clean ones through each route, some under the fifteen corruptions
 * and re-textured, some under PGD-10; and how far the norms have drifted apart, by layer.
 *
 * @param tested `data`, folder of the test images; `corrupted`, that of the corrupted ones; and of how many images each is measured
 */
export async function measure({ library }, run, { data, corrupted, counts }) {
  const { evaluate, evaluateSuite, openRun } = library;
  const common = { data, checkpoint: "last", threads: 1 };
  const { accuracy, count } = await evaluate(run, common);
  const drift = openRun(run).batchNormDrift().at(-1);
  const auxiliary = drift && (await evaluate(run, { ...common, route: drift.route })).accuracy;
  const attacked = await evaluate(run, { ...common, attack: ATTACK, limitTest: counts.attacked });
  const suite = (options, folder) => evaluateSuite([run], { ...common, ...options, to: join(run, folder) });
  const limitTest = counts.corrupted;
  const { models } = (await suite({ data: corrupted, limitTest }, "corrupted")).result;
  const { measures } = (await suite({ parts: ["stylised"], limitTest }, "stylised")).result;
  return {
    clean: accuracy,
    images: count,
    ...(drift && { auxiliary }),
    corrupted: meanAccuracy(models[0].errors),
    stylised: measures[0].values[0].value,
    attacked: attacked.robustAccuracy,
    ...(drift && { drift: drift.layers }),
  };
}

/** Over all corruptions at the severities that the set has. */
export function meanAccuracy(byCorruption) {
  const errors = byCorruption.flatMap(({ bySeverity }) => bySeverity).filter((error) => error !== undefined);
  return 1 - errors.reduce((sum, error) => sum + error, 0) / errors.length;
}
