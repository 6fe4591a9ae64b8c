/**
 * Counts of the listed networks. A network can compute its own counts, but only with libtorch loaded and every layer
 * declared. This table makes the list of networks immediate. `test/models/counts.test.ts` compares it with the networks.
 */
/** Counts of a network without auxiliary routes. */
export interface ModelSummary {
  readonly name: string;
  /** With the number of classes for which it was published: 10 at 32 pixels, else 1,000. */
  readonly parameters: number;
  readonly batchNorms: number;
  readonly batchNormChannels: number;
  /** Side in pixels of the images for which it was published. */
  readonly imageSize: number;
}

const COUNTS: readonly (readonly [name: string, ...counts: [number, number, number, number]])[] = [
  ["resnet8", 75_290, 7, 240, 32],
  ["resnet20", 269_722, 19, 688, 32],
  ["resnet32", 464_154, 31, 1_136, 32],
  ["resnet44", 658_586, 43, 1_584, 32],
  ["resnet56", 853_018, 55, 2_032, 32],
  ["resnet110", 1_727_962, 109, 4_048, 32],
  ["resnet18", 11_689_512, 20, 4_800, 224],
  ["resnet34", 21_797_672, 36, 8_512, 224],
  ["resnet50", 25_557_032, 53, 26_560, 224],
  ["resnet101", 44_549_160, 104, 52_672, 224],
  ["resnet152", 60_192_808, 155, 75_712, 224],
  ["resnet18-cifar", 11_173_962, 20, 4_800, 32],
  ["resnet34-cifar", 21_282_122, 36, 8_512, 32],
  ["resnet50-cifar", 23_520_842, 53, 26_560, 32],
  ["wide-resnet-16-4", 2_748_890, 13, 1_808, 32],
  ["wide-resnet-28-10", 36_479_194, 25, 8_976, 32],
  ["efficientnet-b0", 5_288_548, 49, 21_008, 224],
  ["efficientnet-b1", 7_794_184, 69, 31_024, 240],
  ["efficientnet-b2", 9_109_994, 69, 33_784, 260],
  ["efficientnet-b3", 12_233_232, 78, 43_648, 300],
  ["efficientnet-b4", 19_341_616, 96, 62_600, 380],
  ["efficientnet-b5", 30_389_784, 116, 86_368, 456],
  ["efficientnet-b6", 43_040_704, 134, 112_216, 528],
  ["efficientnet-b7", 66_347_960, 163, 155_360, 600],
  ["efficientnet-b8", 87_413_142, 181, 190_016, 672],
  ["efficientnet-lite0", 4_652_008, 49, 21_008, 224],
  ["efficientnet-lite1", 5_416_680, 64, 26_832, 240],
  ["efficientnet-lite2", 6_092_072, 64, 29_048, 260],
  ["efficientnet-lite3", 8_197_096, 73, 38_336, 280],
  ["efficientnet-lite4", 13_006_568, 91, 56_184, 300],
];

/** Every listed network, in the order of the registry. */
export const MODEL_SUMMARIES: readonly ModelSummary[] = COUNTS.map(
  ([name, parameters, batchNorms, batchNormChannels, imageSize]) => ({
    name,
    parameters,
    batchNorms,
    batchNormChannels,
    imageSize,
  }),
);
