/**
 * The published parameters of every corruption at severity 1 to 5, as in the code that made ImageNet-C, CIFAR-10-C and
 * Tiny-ImageNet-C (Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and
 * perturbations", ICLR 2019, https://arxiv.org/abs/1903.12261; repository hendrycks/robustness).
 */

/** The parameters of each corruption in the order of the published code. Lengths are in pixels at the size of the table. */
export interface Parameters {
  gaussian_noise: readonly [sigma: number];
  shot_noise: readonly [photons: number];
  impulse_noise: readonly [share: number];
  defocus_blur: readonly [radius: number, aliasSigma: number];
  glass_blur: readonly [sigma: number, offset: number, passes: number];
  motion_blur: readonly [radius: number, sigma: number];
  zoom_blur: readonly [end: number, step: number];
  snow: readonly [
    mean: number,
    deviation: number,
    zoom: number,
    threshold: number,
    radius: number,
    sigma: number,
    blend: number,
  ];
  /** `shrink` is the factor by which the texture is resized. */
  frost: readonly [imageWeight: number, frostWeight: number, shrink: number];
  fog: readonly [weight: number, decay: number];
  brightness: readonly [added: number];
  contrast: readonly [factor: number];
  /** All three in pixels. */
  elastic_transform: readonly [alpha: number, sigma: number, affine: number];
  pixelate: readonly [scale: number];
  jpeg_compression: readonly [quality: number];
  speckle_noise: readonly [sigma: number];
  gaussian_blur: readonly [sigma: number];
  spatter: readonly [
    mean: number,
    deviation: number,
    sigma: number,
    threshold: number,
    strength: number,
    liquid: "water" | "mud",
  ];
  saturate: readonly [factor: number, added: number];
}

export type CorruptionName = keyof Parameters;

type Five<P> = readonly [P, P, P, P, P];

/** The parameters of one published set. */
export interface SeverityTable {
  /** Side in pixels of the images that the parameters were made for. */
  readonly side: number;
  readonly parameters: { readonly [K in CorruptionName]: Five<Parameters[K]> };
}

/** Name of a published set of parameters. */
export type TableName = "imagenet-c" | "cifar-10-c" | "tiny-imagenet-c";

/** The parameters of elastic_transform in pixels from the published shares of a side. */
function elasticTransform(
  side: number,
  shares: Five<Parameters["elastic_transform"]>,
): Five<Parameters["elastic_transform"]> {
  const [one, two, three, four, five] = shares.map(
    ([alpha, sigma, affine]) => [side * alpha, side * sigma, side * affine] as const,
  );
  return [one, two, three, four, five];
}

/** The parameters of snow that CIFAR-10-C and Tiny-ImageNet-C share, with the table's own weights of the image. */
function smallImageSnow([one, two, three, four, five]: Five<number>): Five<Parameters["snow"]> {
  return [
    [0.1, 0.2, 1, 0.6, 8, 3, one],
    [0.1, 0.2, 1, 0.5, 10, 4, two],
    [0.15, 0.3, 1.75, 0.55, 10, 4, three],
    [0.25, 0.3, 2.25, 0.6, 12, 6, four],
    [0.3, 0.3, 1.25, 0.65, 14, 12, five],
  ];
}

/** The parameters that CIFAR-10-C and Tiny-ImageNet-C share. */
const SMALL_IMAGES = {
  zoom_blur: [
    [1.06, 0.01],
    [1.11, 0.01],
    [1.16, 0.01],
    [1.21, 0.01],
    [1.26, 0.01],
  ],
} as const;

/** The parameters that ImageNet-C and Tiny-ImageNet-C share. */
const IMAGENET = {
  brightness: [[0.1], [0.2], [0.3], [0.4], [0.5]],
  contrast: [[0.4], [0.3], [0.2], [0.1], [0.05]],
} as const;

export const SEVERITY_TABLES: Readonly<Record<TableName, SeverityTable>> = {
  "imagenet-c": {
    side: 224,
    parameters: {
      ...IMAGENET,
      gaussian_noise: [[0.08], [0.12], [0.18], [0.26], [0.38]],
      shot_noise: [[60], [25], [12], [5], [3]],
      impulse_noise: [[0.03], [0.06], [0.09], [0.17], [0.27]],
      defocus_blur: [
        [3, 0.1],
        [4, 0.5],
        [6, 0.5],
        [8, 0.5],
        [10, 0.5],
      ],
      glass_blur: [
        [0.7, 1, 2],
        [0.9, 2, 1],
        [1, 2, 3],
        [1.1, 3, 2],
        [1.5, 4, 2],
      ],
      motion_blur: [
        [10, 3],
        [15, 5],
        [15, 8],
        [15, 12],
        [20, 15],
      ],
      zoom_blur: [
        [1.11, 0.01],
        [1.16, 0.01],
        [1.21, 0.02],
        [1.26, 0.02],
        [1.31, 0.03],
      ],
      snow: [
        [0.1, 0.3, 3, 0.5, 10, 4, 0.8],
        [0.2, 0.3, 2, 0.5, 12, 4, 0.7],
        [0.55, 0.3, 4, 0.9, 12, 8, 0.7],
        [0.55, 0.3, 4.5, 0.85, 12, 8, 0.65],
        [0.55, 0.3, 2.5, 0.85, 12, 12, 0.55],
      ],
      frost: [
        [1, 0.4, 1],
        [0.8, 0.6, 1],
        [0.7, 0.7, 1],
        [0.65, 0.7, 1],
        [0.6, 0.75, 1],
      ],
      fog: [
        [1.5, 2],
        [2, 2],
        [2.5, 1.7],
        [2.5, 1.5],
        [3, 1.4],
      ],
      // 244 and not 224 in the published code.
      elastic_transform: elasticTransform(244, [
        [2, 0.7, 0.1],
        [2, 0.08, 0.2],
        [0.05, 0.01, 0.02],
        [0.07, 0.01, 0.02],
        [0.12, 0.01, 0.02],
      ]),
      pixelate: [[0.6], [0.5], [0.4], [0.3], [0.25]],
      jpeg_compression: [[25], [18], [15], [10], [7]],
      speckle_noise: [[0.15], [0.2], [0.35], [0.45], [0.6]],
      gaussian_blur: [[1], [2], [3], [4], [6]],
      spatter: [
        [0.65, 0.3, 4, 0.69, 0.6, "water"],
        [0.65, 0.3, 3, 0.68, 0.6, "water"],
        [0.65, 0.3, 2, 0.68, 0.5, "water"],
        [0.65, 0.3, 1, 0.65, 1.5, "mud"],
        [0.67, 0.4, 1, 0.65, 1.5, "mud"],
      ],
      saturate: [
        [0.3, 0],
        [0.1, 0],
        [2, 0],
        [5, 0.1],
        [20, 0.2],
      ],
    },
  },
  "cifar-10-c": {
    side: 32,
    parameters: {
      ...SMALL_IMAGES,
      gaussian_noise: [[0.04], [0.06], [0.08], [0.09], [0.1]],
      shot_noise: [[500], [250], [100], [75], [50]],
      impulse_noise: [[0.01], [0.02], [0.03], [0.05], [0.07]],
      defocus_blur: [
        [0.3, 0.4],
        [0.4, 0.5],
        [0.5, 0.6],
        [1, 0.2],
        [1.5, 0.1],
      ],
      glass_blur: [
        [0.05, 1, 1],
        [0.25, 1, 1],
        [0.4, 1, 1],
        [0.25, 1, 2],
        [0.4, 1, 2],
      ],
      motion_blur: [
        [6, 1],
        [6, 1.5],
        [6, 2],
        [8, 2],
        [9, 2.5],
      ],
      snow: smallImageSnow([0.95, 0.9, 0.9, 0.85, 0.8]),
      frost: [
        [1, 0.2, 0.2],
        [1, 0.3, 0.2],
        [0.9, 0.4, 0.2],
        [0.85, 0.4, 0.2],
        [0.75, 0.45, 0.2],
      ],
      fog: [
        [0.2, 3],
        [0.5, 3],
        [0.75, 2.5],
        [1, 2],
        [1.5, 1.75],
      ],
      brightness: [[0.05], [0.1], [0.15], [0.2], [0.3]],
      contrast: [[0.75], [0.5], [0.4], [0.3], [0.15]],
      elastic_transform: elasticTransform(32, [
        [0, 0, 0.08],
        [0.05, 0.2, 0.07],
        [0.08, 0.06, 0.06],
        [0.1, 0.04, 0.05],
        [0.1, 0.03, 0.03],
      ]),
      pixelate: [[0.95], [0.9], [0.85], [0.75], [0.65]],
      jpeg_compression: [[80], [65], [58], [50], [40]],
      speckle_noise: [[0.06], [0.1], [0.12], [0.16], [0.2]],
      gaussian_blur: [[0.4], [0.6], [0.7], [0.8], [1]],
      spatter: [
        [0.62, 0.1, 0.7, 0.7, 0.5, "water"],
        [0.65, 0.1, 0.8, 0.7, 0.5, "water"],
        [0.65, 0.3, 1, 0.69, 0.5, "water"],
        [0.65, 0.1, 0.7, 0.69, 0.6, "mud"],
        [0.65, 0.1, 0.5, 0.68, 0.6, "mud"],
      ],
      saturate: [
        [0.3, 0],
        [0.1, 0],
        [1.5, 0],
        [2, 0.1],
        [2.5, 0.2],
      ],
    },
  },
  "tiny-imagenet-c": {
    side: 64,
    parameters: {
      ...SMALL_IMAGES,
      ...IMAGENET,
      gaussian_noise: [[0.04], [0.08], [0.12], [0.15], [0.18]],
      shot_noise: [[250], [100], [50], [30], [15]],
      impulse_noise: [[0.01], [0.02], [0.05], [0.08], [0.14]],
      defocus_blur: [
        [0.5, 0.6],
        [1, 0.1],
        [1.5, 0.1],
        [2.5, 0.01],
        [3, 0.1],
      ],
      glass_blur: [
        [0.1, 1, 1],
        [0.5, 1, 1],
        [0.6, 1, 2],
        [0.7, 2, 1],
        [0.9, 2, 2],
      ],
      motion_blur: [
        [10, 1],
        [10, 1.5],
        [10, 2],
        [10, 2.5],
        [12, 3],
      ],
      snow: smallImageSnow([0.8, 0.8, 0.7, 0.65, 0.6]),
      frost: [
        [1, 0.3, 0.3],
        [0.9, 0.4, 0.3],
        [0.8, 0.45, 0.3],
        [0.75, 0.5, 0.3],
        [0.7, 0.55, 0.3],
      ],
      fog: [
        [0.4, 3],
        [0.7, 3],
        [1, 2.5],
        [1.5, 2],
        [2, 1.75],
      ],
      elastic_transform: elasticTransform(64, [
        [0, 0, 0.08],
        [0.05, 0.3, 0.06],
        [0.1, 0.08, 0.06],
        [0.1, 0.03, 0.03],
        [0.16, 0.03, 0.02],
      ]),
      pixelate: [[0.9], [0.8], [0.7], [0.6], [0.5]],
      jpeg_compression: [[65], [58], [50], [40], [25]],
      speckle_noise: [[0.15], [0.2], [0.25], [0.3], [0.35]],
      gaussian_blur: [[0.5], [0.75], [1], [1.25], [1.5]],
      spatter: [
        [0.62, 0.1, 0.7, 0.7, 0.6, "water"],
        [0.65, 0.1, 0.8, 0.7, 0.6, "water"],
        [0.65, 0.3, 1, 0.69, 0.6, "water"],
        [0.65, 0.1, 0.7, 0.68, 0.6, "mud"],
        [0.65, 0.1, 0.5, 0.67, 0.6, "mud"],
      ],
      saturate: [
        [0.3, 0],
        [0.1, 0],
        [2, 0],
        [5, 0.1],
        [30, 0.2],
      ],
    },
  },
};
