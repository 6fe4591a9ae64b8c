/** Adds the command that resumes a failed run to the error of a training. */
import { RunError, shellWord } from "../errors.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { loadedPartsFlags } from "./loaded-parts.js";

/** The error with the command that resumes the run. */
export function withResumeAdvice(error: unknown, run: string, { optimizer, training }: ResolvedRecipe): unknown {
  if (!(error instanceof RunError)) return error;
  const resume = `advprop train --run ${shellWord(run)} --resume${loadedPartsFlags()}`;
  const lower = `${resume} --lr ${Number((optimizer.lr / 3).toPrecision(2))}`;
  const clipped = `${resume} --set training.clipGradientNorm=${short((training.clipGradientNorm ?? 25) / 5)}`;
  const advice = {
    ERR_NON_FINITE: `Resume the run with: ${lower}, or ${clipped}`,
    ERR_WRITE: `Then resume the run with: ${resume}`,
  }[error.code];
  return advice === undefined ? error : new RunError(error.code, `${error.message} ${advice}`, { cause: error });
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
