// The questions of the evidence, as recipes. results/ledger.md says why each is asked and how long it takes.
// Settings are chosen by candidates on validation images; arms then run with the chosen settings on fresh seeds or folds.

import { CIFAR_QUESTIONS } from "./cifar.mjs";
import { PHOTO_QUESTION } from "./photos.mjs";

const { a, b, ...others } = CIFAR_QUESTIONS;
/** In the order of the ledger. */
export const QUESTIONS = { a, b, c: PHOTO_QUESTION, ...others };

/** The candidates that choose the settings of a question. */
export const candidatesFor = ({ candidates, settingsOf }) => (candidates ?? QUESTIONS[settingsOf].candidates)();

/** The best candidate's recipe of each arm; `missing` names candidates that have not run. */
export function chosenSettings(candidates, runs) {
  const missing = candidates.filter(({ name }) => !runs.has(name)).map(({ name }) => name);
  const chosen = {};
  for (const one of candidates) {
    const score = ({ name }) => runs.get(name)?.last.accuracy ?? -1;
    if (chosen[one.arm] === undefined || score(one) > score(chosen[one.arm])) chosen[one.arm] = one;
  }
  return { chosen: Object.fromEntries(Object.entries(chosen).map(([arm, { recipe }]) => [arm, recipe])), missing };
}
