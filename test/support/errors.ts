import { expect } from "vitest";
import { AdvPropError } from "../../src/errors.js";

/** Runs `work` and gives back the coded error it throws; fails where it throws none. */
export function codedError(work: () => unknown): AdvPropError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(AdvPropError);
    return error as AdvPropError;
  }
  throw new Error("expected an error, but none was thrown");
}

/** The same for a promise. */
export async function codedRejection(work: Promise<unknown>): Promise<AdvPropError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  return codedError(() => {
    if (outcome !== undefined) throw outcome.error;
  });
}

/** The shape of an error with a code and a message: for `expect(() => ...).toThrow(error("ERR_X", /.../))`. */
export const error = (code: string, message: RegExp = /./): Error =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
