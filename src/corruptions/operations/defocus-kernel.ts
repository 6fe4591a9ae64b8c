/** The kernel of defocus blur. */

import { mirrored } from "./border.js";
import type { Kernel } from "./kernel.js";

/**
 * A disk of sum 1, smoothed by a Gaussian. The grid reaches 8 pixels from its centre, and the Gaussian has 3 x 3 taps. For a
 * larger radius the grid reaches as far as the radius, and the Gaussian has 5 x 5 taps. The grid is mirrored about its border.
 * Where the disk fills the grid, the mirrored smoothing makes the sum of the kernel more than 1: this is part of the
 * published definition. In float32, as published.
 */
export function defocusKernel(diskRadius: number, aliasSigma: number): Kernel {
  const wide = diskRadius > 8;
  const radius = wide ? Math.ceil(diskRadius) : 8;
  const side = 2 * radius + 1;
  const inside = Array.from({ length: side * side }, (_, i) => {
    const x = (i % side) - radius;
    const y = Math.floor(i / side) - radius;
    return x * x + y * y <= diskRadius * diskRadius;
  });
  const area = inside.filter(Boolean).length;
  const disk = Float32Array.from(inside, (member) => (member ? 1 / area : 0));

  const reach = wide ? 2 : 1;
  const taps = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-0.5 * ((k - reach) / aliasSigma) ** 2));
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  const smoothedAlong = (source: Float32Array, pixel: number, line: number): Float32Array => {
    const result = new Float32Array(source.length);
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < side; j++) {
        const sum = taps.reduce(
          (partial, tap, k) => partial + (tap / total) * source[line * j + pixel * mirrored(i + k - reach, side)],
          0,
        );
        result[line * j + pixel * i] = sum;
      }
    }
    return result;
  };
  return { radius, weights: Float64Array.from(smoothedAlong(smoothedAlong(disk, 1, side), side, 1)) };
}
