/** Scopes: what is made inside is freed at the end, except what is returned or kept. */
import { UsageError } from "../errors.js";
import { type MemoryStats, native } from "./native.js";
import { Tensor } from "./tensor.js";

/**
 * Runs a function and frees every tensor made inside, except those it returns (alone, in arrays or in plain objects),
 * which pass to the enclosing scope, and those given to {@link keep}. Scopes nest and are synchronous.
 *
 * @throws ERR_SCOPE the function returned a promise: tensors made after its first await would belong to no scope
 */
export function scope<T>(body: () => T): T {
  openScope();
  let returned: Tensor | readonly Tensor[] | undefined;
  try {
    const result = body();
    if (typeof (result as PromiseLike<unknown> | null | undefined)?.then === "function") {
      (result as unknown as Promise<unknown>).then(undefined, () => {});
      throw new UsageError(
        "ERR_SCOPE",
        "scope: the function must be synchronous; it returned a promise. Await outside of the scope, or open one around each synchronous part",
      );
    }
    returned = result instanceof Tensor ? result : tensorsIn(result, []);
    return result;
  } finally {
    closeScope(returned);
  }
}

/** Opens what {@link closeScope} must close in any case: a {@link scope} without a closure, for what a step runs a thousand times. */
export const openScope = (): void => native.beginScope();

/** Frees every tensor made since the last {@link openScope} but these. */
export const closeScope = (kept?: Tensor | readonly Tensor[]): void => native.endScope(kept);

/** Takes a tensor out of every scope: it lives until it is disposed. */
export function keep(tensor: Tensor): Tensor {
  native.keep(tensor);
  return tensor;
}

/** Live tensors of this thread, and bytes of the process. */
export function memoryStats(): MemoryStats {
  return native.memoryStats();
}

/** Forgets the peak of `memoryStats`, so that the next reading is of what follows. */
export function resetPeakMemory(): void {
  native.resetPeak();
}

/** Gives cached memory back to the system. */
export function releaseCachedMemory(): void {
  native.releaseCachedMemory();
}

function tensorsIn(value: unknown, found: Tensor[]): Tensor[] {
  if (value instanceof Tensor) found.push(value);
  else if (Array.isArray(value)) for (const item of value) tensorsIn(item, found);
  else if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) tensorsIn(item, found);
  }
  return found;
}
