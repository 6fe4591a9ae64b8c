/** Attacks one photo, and gives the classifier's predictions before and after through each route. */

import { assert, UsageError } from "../../errors.js";
import { mostProbable, type Prediction } from "../../evaluation/classes/most-probable.js";
import { classifierPredictor } from "../../predictors/classifier-predictor.js";
import { openPredictor } from "../../predictors/open.js";
import type { OpenPredictorOptions, WhiteBoxPredictor } from "../../predictors/opened.js";
import { type Photo, squareOf } from "../photo-batches.js";
import { BYTE_EPSILON, checkEpsilon, classOf, refuseOnnx } from "./attack-rules.js";
import { type ByteAttackOptions, byteAttack, planByteAttack } from "./byte-attack.js";

export interface AttackPhotoOptions extends Omit<OpenPredictorOptions, "onnx"> {
  /** Largest change of a pixel (L-infinity norm), with pixels in [0, 1]; by default 4/255. At least 1/255, because the result has whole bytes. */
  readonly epsilon?: number;
  /** The target class; by default the attack is untargeted, away from the class that the classifier predicts. */
  readonly target?: string;
  /** The name of the attack, as in an evaluation; by default pgd. */
  readonly attack?: string;
  /**
   * Other keys of the attack: the own keys of a registered attack, and of the others `randomStart`, `cleanStartProbability` and
   * `labelSmoothing` where the attack has them.
   */
  readonly parameters?: Readonly<Record<string, number | boolean>>;
  /** Number of steps; by default that of an evaluation, which is 10 for PGD. */
  readonly steps?: number;
  /** Step size, with pixels in [0, 1]; by default epsilon / 4. */
  readonly stepSize?: number;
  /** Seed of the random start; by default 0. */
  readonly seed?: number;
  /** Number of classes that are returned for each route; by default 5. */
  readonly top?: number;
}

/** A photo as the network sees it, before and after the attack. Images are (S, S, 3) bytes, RGB. */
export interface AttackedPhoto {
  /** S */
  readonly side: number;
  readonly original: Uint8Array;
  readonly adversarial: Uint8Array;
  /** Largest change of a byte. */
  readonly largestChange: number;
  /** The predicted class of the original through the attacked route. */
  readonly from: string;
  /** The target class; undefined if the attack was untargeted. */
  readonly target: string | undefined;
  /** Whether the attack succeeded: through the attacked route the prediction is the target, or for an untargeted attack not `from`. */
  readonly reached: boolean;
  /** The route that was attacked. */
  readonly route: string;
  /** The most probable classes through each route, main first. */
  readonly routes: readonly {
    readonly route: string;
    readonly original: readonly Prediction[];
    readonly adversarial: readonly Prediction[];
  }[];
}

/**
 * Attacks a photo within the L-infinity ball. The result is rounded to bytes that stay in the ball, so it can be saved as a PNG
 * and classified again.
 *
 * @param model a run's folder or weights: anything that `openWeights` opens
 * @throws UsageError ERR_ATTACK the model is an ONNX file, which gives no gradients, there is no such attack, or a parameter has no effect on
 *   it; ERR_EPSILON; ERR_SEED; ERR_CLASS there is no class with the target's name, or it is the photo's own class; ERR_ROUTE; and what
 *   `openPredictor` and `classify` throw
 */
export async function attack(model: string, photo: Photo, options: AttackPhotoOptions = {}): Promise<AttackedPhoto> {
  refuseOnnx(model);
  const {
    attack: name,
    parameters,
    epsilon = BYTE_EPSILON,
    target,
    steps,
    stepSize,
    seed,
    top = 5,
    ...opening
  } = options;
  checkEpsilon(epsilon);
  const settings = { attack: name, parameters, epsilon, target, steps, stepSize, seed, top };
  planByteAttack(settings); // refused before anything is opened
  const predictor = await openPredictor(model, opening);
  try {
    assert(predictor.access === "white-box", "weights give gradients");
    const square = await squareOf(photo, { size: predictor.imageSize, view: predictor.view });
    return await attackSquare(predictor, square.pixels, settings);
  } finally {
    await predictor.close();
  }
}

interface Settings extends ByteAttackOptions {
  readonly target?: string;
  readonly top: number;
}

async function attackSquare(
  { classifier, route, imageSize: side }: WhiteBoxPredictor,
  original: Uint8Array,
  settings: Settings,
): Promise<AttackedPhoto> {
  const { classes } = classifier.specification;
  const predictions = async (pixels: Uint8Array, through: string, top = settings.top): Promise<Prediction[]> => {
    const logits = await classifierPredictor(classifier, { route: through }).logits({
      pixels,
      height: side,
      width: side,
    });
    return mostProbable(logits, classes, top);
  };
  const [{ class: from }] = await predictions(original, route);
  const target = settings.target === undefined ? undefined : classOf(settings.target, classes);
  if (target === from) {
    throw new UsageError("ERR_CLASS", `attack: the model already sees ${from} through ${route}. Choose another target`);
  }
  const label = classes.indexOf(target ?? from);
  const perturb = byteAttack({ classifier, route }, planByteAttack(settings), settings.epsilon, target !== undefined);
  const [labels, samples] = [Int32Array.of(label), Uint32Array.of(0)];
  const adversarial = perturb({ pixels: original, height: side, width: side, labels, samples });
  const through = await Promise.all(
    classifier.routes.map(async (one) => ({
      route: one,
      original: await predictions(original, one),
      adversarial: await predictions(adversarial, one),
    })),
  );
  const [{ class: to }] = await predictions(adversarial, route);
  return {
    side,
    original,
    adversarial,
    largestChange: original.reduce((most, byte, i) => Math.max(most, Math.abs(byte - adversarial[i])), 0),
    from,
    target,
    reached: target === undefined ? to !== from : to === target,
    route,
    routes: through,
  };
}
