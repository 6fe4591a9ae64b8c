/** One of our models under a white-box attack, as a predictor. */
import { type AttackOptions, createAttack } from "../attacks/create.js";
import type { Predictor } from "../evaluation/predictor.js";
import { classifierPredictor } from "./classifier-predictor.js";
import type { WhiteBoxPredictor } from "./opened.js";

/** A predictor that attacks each batch, through the route that it then answers through. */
export function attackedPredictor(
  { classifier, route }: WhiteBoxPredictor,
  options: AttackOptions,
  seed: number,
): Predictor {
  return classifierPredictor(classifier, { route, seed, attack: createAttack(options) });
}
