/**
 * Wide residual networks for small images (Zagoruyko and Komodakis 2016, https://arxiv.org/abs/1605.07146). WRN-D-K has D =
 * 6n + 4 layers in three stages of n blocks, which are K times as wide as those of a ResNet. timm has no such networks. The
 * names are those of the PyTorch port that is common in the robustness literature (xternalz/WideResNet-pytorch, also in
 * TRADES and RobustBench): `conv1`, `block1.layer.0.bn1`, ..., `block3.layer.0.convShortcut`, `bn1`, `fc`.
 */
import { UsageError } from "../errors.js";
import { contextOfStage, type ForwardContext } from "../nn/context.js";
import { Conv2d } from "../nn/layers/convolution.js";
import { Linear } from "../nn/layers/linear.js";
import { globalAveragePool } from "../nn/layers/pooling.js";
import { Module } from "../nn/module.js";
import type { NormFactory, RoutedBatchNorm } from "../nn/routed-batch-norm.js";
import { Sequence } from "../nn/sequence.js";
import type { Tensor } from "../tensor/index.js";
import { add_ } from "../tensor/operators.js";
import { isHead, StagedNetwork } from "./staged-network.js";

export interface WideResNetConfig {
  /** 6n + 4: number of layers with weights along the longest path. */
  readonly depth: number;
  /** K: factor on the channels of the three stages, 16, 32 and 64. */
  readonly width: number;
}

const STEM_CHANNELS = 16;
const STAGE_CHANNELS = [16, 32, 64];
const PREFIX = "wide-resnet-";

/**
 * The config of a name `wide-resnet-D-K`; undefined for any other name.
 *
 * @throws ERR_MODEL the name has that form, but D is not 6n + 4 with n >= 1
 */
export function parseWideResNet(name: string): WideResNetConfig | undefined {
  const match = /^wide-resnet-([1-9]\d*)-([1-9]\d*)$/.exec(name);
  if (match === null) return undefined;
  const [depth, width] = [Number(match[1]), Number(match[2])];
  if (depth < 10 || (depth - 4) % 6 !== 0) {
    const near = 4 + 6 * Math.max(1, Math.round((depth - 4) / 6));
    throw new UsageError(
      "ERR_MODEL",
      `${name}: the depth must be 6n + 4 with n of at least 1 (10, 16, 22, 28, 34, 40, ...); got ${depth}. Did you mean ${PREFIX}${near}-${width}?`,
    );
  }
  return { depth, width };
}

/** Maps [N, 3, H, W] to [N, K]. The last norm and ReLU come after all blocks, since a block starts with its own. */
export class WideResNet extends StagedNetwork {
  override readonly stages = 1 + STAGE_CHANNELS.length;
  readonly #stem: Conv2d;
  readonly #stages: readonly Sequence[];
  readonly #norm: RoutedBatchNorm;
  readonly #classifier: Linear;

  constructor({ depth, width }: WideResNetConfig, classes: number, norm: NormFactory) {
    super();
    this.#stem = this.child("conv1", new Conv2d(3, STEM_CHANNELS, 3));
    let inputs = STEM_CHANNELS;
    this.#stages = STAGE_CHANNELS.map((channels, i) => {
      const outputs = channels * width;
      const blocks = Array.from({ length: (depth - 4) / 6 }, (_, j) =>
        j === 0
          ? new PreActivationBlock(inputs, outputs, i === 0 ? 1 : 2, norm)
          : new PreActivationBlock(outputs, outputs, 1, norm),
      );
      inputs = outputs;
      return this.child(`block${i + 1}.layer`, new Sequence(blocks));
    });
    this.#norm = this.child("bn1", norm(inputs, "relu"));
    this.#classifier = this.child("fc", new Linear(inputs, classes));
  }

  protected override compute(images: Tensor, context: ForwardContext): Tensor {
    let x = this.#stem.forward(images, contextOfStage(context, 0));
    for (const [i, stage] of this.#stages.entries()) x = stage.forward(x, contextOfStage(context, i + 1));
    return this.#classifier.forward(globalAveragePool(this.#norm.forward(x, context)), context);
  }

  /** The last norm comes after all stages. */
  override stageOf(name: string): number {
    if (isHead(name) || name.startsWith("bn1.")) return Number.POSITIVE_INFINITY;
    return Number(/^block(\d+)\./.exec(name)?.[1] ?? 0);
  }
}

/**
 * a = relu(norm(x)); conv3x3(relu(norm(conv3x3(a)))) + shortcut. The shortcut is x itself, or a 1x1 convolution of a where
 * the shape changes.
 */
class PreActivationBlock extends Module {
  readonly #bn1: RoutedBatchNorm;
  readonly #conv1: Conv2d;
  readonly #bn2: RoutedBatchNorm;
  readonly #conv2: Conv2d;
  readonly #shortcut: Conv2d | undefined;

  constructor(inputs: number, outputs: number, stride: number, norm: NormFactory) {
    super();
    this.#bn1 = this.child("bn1", norm(inputs, "relu"));
    this.#conv1 = this.child("conv1", new Conv2d(inputs, outputs, 3, { stride }));
    this.#bn2 = this.child("bn2", norm(outputs, "relu"));
    this.#conv2 = this.child("conv2", new Conv2d(outputs, outputs, 3));
    if (stride !== 1 || inputs !== outputs) {
      this.#shortcut = this.child("convShortcut", new Conv2d(inputs, outputs, 1, { stride }));
    }
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    if (this.#shortcut === undefined) {
      const y = this.#bn1.forwardInto(this.#conv1, x, context);
      return add_(this.#bn2.forwardInto(this.#conv2, y, context), x);
    }
    const a = this.#bn1.forward(x, context);
    const y = this.#bn2.forwardInto(this.#conv2, this.#conv1.forward(a, context), context);
    return add_(y, this.#shortcut.forward(a, context));
  }
}
