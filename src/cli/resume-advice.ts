/** The command that goes on after what an error of a training advises. */
import { RunError } from "../errors.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { loadedPartsFlags } from "./loaded-parts.js";

/** The error with the command that goes on after what it advises. */
export function withResumeAdvice(error: unknown, run: string, { optimizer, training }: ResolvedRecipe): unknown {
  if (!(error instanceof RunError)) return error;
  const resume = `advprop train --run ${run} --resume${loadedPartsFlags()}`;
  const lower = `${resume} --lr ${Number((optimizer.lr / 3).toPrecision(2))}`;
  const clipped = `${resume} --set training.clipGradientNorm=${short((training.clipGradientNorm ?? 25) / 5)}`;
  const advice = {
    ERR_NON_FINITE: `The run goes on with: ${lower}, or ${clipped}`,
    ERR_WRITE: `Then the run goes on with: ${resume}`,
  }[error.code];
  return advice === undefined ? error : new RunError(error.code, `${error.message} ${advice}`, { cause: error });
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
