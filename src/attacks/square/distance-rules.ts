/** Checks an attack's radius or step size in each norm. */
import { UsageError } from "../../errors.js";

/** @throws UsageError ERR_EPSILON the largest change of a pixel is not in (0, 1) */
export function checkPixelUnits(value: number, what: string): void {
  if (value > 0 && value < 1) return;
  const hint = value >= 1 && value <= 255 ? ` Did you mean ${value}/255?` : "";
  throw new UsageError("ERR_EPSILON", `${what} must be in (0, 1) because pixels are in [0, 1]; got ${value}.${hint}`);
}

/** @throws UsageError ERR_EPSILON the Euclidean distance is not a positive number */
export function checkEuclidean(value: number, what: string): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new UsageError(
    "ERR_EPSILON",
    `${what} must be a positive number (a distance between images with pixels in [0, 1]); got ${value}`,
  );
}
