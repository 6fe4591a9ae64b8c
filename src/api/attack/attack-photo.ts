/** One photo attacked: what the smallest changes make a classifier see, through each of its routes. */

import { assert, UsageError } from "../../errors.js";
import { mostProbable, type Prediction } from "../../evaluation/classes/most-probable.js";
import { classifierPredictor } from "../../predictors/classifier-predictor.js";
import { openPredictor } from "../../predictors/open.js";
import type { OpenPredictorOptions, WhiteBoxPredictor } from "../../predictors/opened.js";
import { type Photo, squareOf } from "../photo-batches.js";
import { checkEpsilon, classOf, refuseOnnx } from "./attack-rules.js";
import { type ByteAttackOptions, byteAttack, planByteAttack } from "./byte-attack.js";

export interface AttackPhotoOptions extends Omit<OpenPredictorOptions, "onnx"> {
  /** Most that a pixel changes, in the L-infinity norm, with pixels in [0, 1]: at least 1/255, as the result has whole bytes. */
  readonly epsilon: number;
  /** The class that the attack aims at; by default it leads away from the class that the classifier gives. */
  readonly target?: string;
  /** As an evaluation names it: pgd unless given. */
  readonly attack?: string;
  /** Keys of an attack of one's own. */
  readonly parameters?: Readonly<Record<string, number>>;
  /** Steps of the attack: as in an evaluation unless given, of PGD 10. */
  readonly steps?: number;
  /** Of a step, with pixels in [0, 1]: epsilon / 4 unless given. */
  readonly stepSize?: number;
  /** Of the random start: 0 unless given. */
  readonly seed?: number;
  /** Classes that are returned of each route: 5 unless given. */
  readonly top?: number;
}

/** A photo as the network sees it, before and after. Images are (S, S, 3) bytes, RGB. */
export interface AttackedPhoto {
  /** S */
  readonly side: number;
  readonly original: Uint8Array;
  readonly adversarial: Uint8Array;
  /** Most that a byte changed. */
  readonly largestChange: number;
  /** The class of the original through the attacked route. */
  readonly from: string;
  /** The class that was aimed at; undefined where the attack leads away from `from`. */
  readonly target: string | undefined;
  /** Whether the adversarial photo is of the target, or of another class than `from`, through the attacked route. */
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
 * Attacks a photo within the L-infinity ball: what one would save as a PNG and classify again. Its bytes are rounded, and stay in
 * the ball.
 *
 * @param model a run's folder or weights: all that `openWeights` opens
 * @throws UsageError ERR_ATTACK the model is an ONNX file, which gives no gradients, or there is no such attack; ERR_EPSILON; ERR_CLASS there is no class of the
 *   target's name, or it is the photo's own; ERR_ROUTE; and what `openPredictor` and `classify` throw
 */
export async function attack(model: string, photo: Photo, options: AttackPhotoOptions): Promise<AttackedPhoto> {
  refuseOnnx(model);
  const { attack: name, parameters, epsilon, target, steps, stepSize, seed, top = 5, ...opening } = options;
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
    throw new UsageError("ERR_CLASS", `attack: the photo is ${from} already, through ${route}. Choose another target`);
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
