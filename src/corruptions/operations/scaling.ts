/**
 * The parameters for image sizes other than the published ones. The published table whose side is nearest in proportion is
 * used: CIFAR-10-C up to 45 pixels, Tiny-ImageNet-C up to 119, ImageNet-C above. Its lengths in pixels are multiplied by
 * (shorter side) / (side of the table), so that a corruption covers the same share of the picture. At a published size
 * nothing is scaled.
 *
 * Lengths are the radii, sigmas and offsets of blurs, of snow, of spatter and of the elastic transform, and the size of
 * frost. An offset is rounded to a whole pixel and is at least one. Shares and factors (zoom, pixelate, the strength of
 * noise) and the sub-pixel smoothing of the defocus disk are not scaled. Below 24 pixels that smoothing can be all that
 * is left of a disk.
 */
import { type CorruptionName, type Parameters, SEVERITY_TABLES, type TableName } from "../severity-tables.js";

/** The table for images of this shorter side: the one with the smallest ratio between the two sides. */
export function tableFor(side: number): TableName {
  const distance = (table: TableName): number => Math.abs(Math.log(side / SEVERITY_TABLES[table].side));
  const names: readonly TableName[] = ["imagenet-c", "tiny-imagenet-c", "cifar-10-c"];
  return names.reduce((best, name) => (distance(name) < distance(best) ? name : best));
}

/** How each corruption that has lengths scales them by a factor `s`. */
const SCALED: { readonly [K in CorruptionName]?: (parameters: Parameters[K], s: number) => Parameters[K] } = {
  defocus_blur: ([radius, aliasSigma], s) => [radius * s, aliasSigma],
  glass_blur: ([sigma, offset, passes], s) => [sigma * s, Math.max(1, Math.round(offset * s)), passes],
  motion_blur: ([radius, sigma], s) => [radius * s, sigma * s],
  snow: ([mean, deviation, zoom, threshold, radius, sigma, blend], s) => [
    mean,
    deviation,
    Math.max(1, zoom * s),
    threshold,
    radius * s,
    sigma * s,
    blend,
  ],
  frost: ([imageWeight, frostWeight, shrink], s) => [imageWeight, frostWeight, shrink * s],
  elastic_transform: ([alpha, sigma, affine], s) => [alpha * s, sigma * s, affine * s],
  gaussian_blur: ([sigma], s) => [sigma * s],
  spatter: ([mean, deviation, sigma, threshold, strength, liquid], s) => [
    mean,
    deviation,
    sigma * s,
    threshold,
    // The strength of mud is the sigma of its edge.
    strength * (liquid === "mud" ? s : 1),
    liquid,
  ],
};

/**
 * The parameters of a corruption for images of this shorter side.
 *
 * @param severity 1 .. 5
 * @param table the published set; by default the one of {@link tableFor}
 */
export function parametersFor<K extends CorruptionName>(
  name: K,
  severity: number,
  side: number,
  table: TableName = tableFor(side),
): Parameters[K] {
  const { side: publishedSide, parameters } = SEVERITY_TABLES[table];
  const published = parameters[name][severity - 1];
  if (side === publishedSide) return published;
  const scale: ((parameters: Parameters[K], s: number) => Parameters[K]) | undefined = SCALED[name];
  return scale?.(published, side / publishedSide) ?? published;
}
