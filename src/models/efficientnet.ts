/**
 * EfficientNet B0 to B8 (Tan and Le 2019, https://arxiv.org/abs/1905.11946) and EfficientNet-Lite 0 to 4, as in the official
 * TensorFlow code (tensorflow/tpu, models/official/efficientnet and its folder lite), with timm's names: `conv_stem`, `bn1`,
 * `blocks.0.0.conv_dw`, ..., `conv_head`, `bn2`, `classifier`. The norm factory decides the routes.
 */
import { contextOfStage, type ForwardContext, isSynchronized } from "../nn/context.js";
import { uniform } from "../nn/initialization.js";
import { Conv2d } from "../nn/layers/convolution.js";
import { dropout } from "../nn/layers/dropout.js";
import { Linear } from "../nn/layers/linear.js";
import { globalAveragePool } from "../nn/layers/pooling.js";
import { SameConv2d } from "../nn/layers/same-convolution.js";
import { SqueezeExcitation } from "../nn/layers/squeeze-excitation.js";
import { stochasticDepth } from "../nn/layers/stochastic-depth.js";
import { Module } from "../nn/module.js";
import type { BatchNormOptions, NormFactory, RoutedBatchNorm } from "../nn/routed-batch-norm.js";
import { Sequence } from "../nn/sequence.js";
import type { Tensor } from "../tensor/index.js";
import {
  type InvertedResidualBlock,
  invertedResidual,
  invertedResidualTraining,
  takesWholeBlocks,
} from "../tensor/inverted-residual.js";
import { add_ } from "../tensor/operators.js";
import { isHead, StagedNetwork } from "./staged-network.js";

/** The scaling of B0. */
export interface EfficientNetConfig {
  /** Factor on the channels of every layer. */
  readonly width: number;
  /** Factor on the blocks of every stage. */
  readonly depth: number;
  /** Share of the features dropped before the classifier. */
  readonly dropout: number;
  /**
   * The form for phones: no squeeze and excitation, ReLU6 instead of swish, stem and head as wide as those of B0, and as
   * many blocks in the first and the last stage as B0.
   */
  readonly lite?: boolean;
}

/** The official momentum is 0.99, the share of the old value. In the convention of {@link BatchNormOptions} this is 0.01. */
export const EFFICIENTNET_BATCH_NORM: BatchNormOptions = { momentum: 0.01, epsilon: 1e-3 };

/** The stages of B0: blocks, side of the depthwise kernel, stride of the first block, expansion, output channels. */
const STAGES = [
  { blocks: 1, size: 3, stride: 1, expansion: 1, channels: 16 },
  { blocks: 2, size: 3, stride: 2, expansion: 6, channels: 24 },
  { blocks: 2, size: 5, stride: 2, expansion: 6, channels: 40 },
  { blocks: 3, size: 3, stride: 2, expansion: 6, channels: 80 },
  { blocks: 3, size: 5, stride: 1, expansion: 6, channels: 112 },
  { blocks: 4, size: 5, stride: 2, expansion: 6, channels: 192 },
  { blocks: 1, size: 3, stride: 1, expansion: 6, channels: 320 },
] as const;
/** Index of the last stage, counted from the stem. */
const LAST_STAGE = STAGES.length;
const STEM_CHANNELS = 32;
const HEAD_CHANNELS = 1280;
/** Channels of a squeeze as a share of its block's input channels before the expansion. */
const SQUEEZE_RATIO = 0.25;
/** Block i of n drops its branch with probability 0.2 i / n, so that the last block keeps it with about 0.8. */
const STOCHASTIC_DEPTH = 0.2;

/** Scales to the nearest multiple of 8, at least 8. If rounding removes more than a tenth, 8 is added. */
function scaleChannels(channels: number, width: number): number {
  const target = channels * width;
  const rounded = Math.max(8, Math.floor((target + 4) / 8) * 8);
  return rounded < 0.9 * target ? rounded + 8 : rounded;
}

const scaleBlocks = (blocks: number, depth: number): number => Math.ceil(depth * blocks);

/**
 * Maps [N, 3, H, W] to [N, K] with swish activations (ReLU6 in the Lite form). A stochastic pass has dropout before the
 * classifier and stochastic depth in the residual blocks, drawn by the keys of the context.
 *
 * Convolutions are initialised as in {@link Conv2d}, the classifier uniformly within 1 / sqrt(K), as in the official code.
 */
export class EfficientNet extends StagedNetwork {
  override readonly stages = 1 + STAGES.length;
  readonly #stem: SameConv2d;
  readonly #stemNorm: RoutedBatchNorm;
  readonly #stages: readonly Sequence[];
  readonly #head: Conv2d;
  readonly #headNorm: RoutedBatchNorm;
  readonly #dropout: number;
  readonly #classifier: Linear;

  constructor(config: EfficientNetConfig, classes: number, norm: NormFactory) {
    super();
    const { width, depth, lite = false } = config;
    const endWidth = lite ? 1 : width;
    const activation = lite ? "relu6" : "silu";
    let inputs = scaleChannels(STEM_CHANNELS, endWidth);
    this.#stem = this.child("conv_stem", new SameConv2d(3, inputs, 3, { stride: 2 }));
    this.#stemNorm = this.child("bn1", norm(inputs, activation));

    const counts = STAGES.map(({ blocks }, i) => {
      const fixed = lite && (i === 0 || i === STAGES.length - 1);
      return fixed ? blocks : scaleBlocks(blocks, depth);
    });
    const total = counts.reduce((sum, count) => sum + count, 0);
    let position = 0;
    this.#stages = STAGES.map(({ size, stride, expansion, channels }, i) => {
      const outputs = scaleChannels(channels, width);
      const stage = Array.from({ length: counts[i] }, (_, j) => {
        const options = { inputs, outputs, size, stride: j === 0 ? stride : 1, expansion, position, total, lite };
        inputs = outputs;
        position += 1;
        return new InvertedResidual(options, norm);
      });
      return this.child(`blocks.${i}`, new Sequence(stage));
    });

    const features = scaleChannels(HEAD_CHANNELS, endWidth);
    this.#head = this.child("conv_head", new Conv2d(inputs, features, 1));
    this.#headNorm = this.child("bn2", norm(features, activation));
    this.#dropout = config.dropout;
    this.#classifier = this.child("classifier", new Linear(features, classes, uniform(1 / Math.sqrt(classes))));
  }

  protected override compute(images: Tensor, context: ForwardContext): Tensor {
    const stem = contextOfStage(context, 0);
    let x = this.#stemNorm.forward(this.#stem.forward(images, stem), stem);
    for (const [i, stage] of this.#stages.entries()) x = stage.forward(x, contextOfStage(context, i + 1));
    const last = contextOfStage(context, LAST_STAGE);
    const features = globalAveragePool(this.#headNorm.forward(this.#head.forward(x, last), last));
    return this.#classifier.forward(dropout(features, this.#dropout, context), context);
  }

  /** The last convolution belongs to the last stage. */
  override stageOf(name: string): number {
    if (isHead(name)) return Number.POSITIVE_INFINITY;
    if (/^(?:conv_head|bn2)\./.test(name)) return LAST_STAGE;
    const block = /^blocks\.(\d+)\./.exec(name);
    return block === null ? 0 : Number(block[1]) + 1;
  }
}

interface InvertedResidualOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Side of the depthwise kernel. */
  readonly size: number;
  readonly stride: number;
  readonly expansion: number;
  /** Index of this block in the network, from 0, and number of blocks. */
  readonly position: number;
  readonly total: number;
  /** ReLU6 instead of swish, and no squeeze and excitation. */
  readonly lite: boolean;
}

/**
 * The mobile inverted bottleneck: 1x1 convolution to `expansion` times the channels (none where that is 1), depthwise
 * convolution, squeeze and excitation (not in the Lite form), 1x1 projection without activation. Where shapes allow, x is
 * added to the branch.
 */
class InvertedResidual extends Module {
  readonly #expand: Conv2d | undefined;
  readonly #expandNorm: RoutedBatchNorm | undefined;
  readonly #depthwise: SameConv2d;
  readonly #depthwiseNorm: RoutedBatchNorm;
  readonly #squeeze: SqueezeExcitation | undefined;
  readonly #project: Conv2d;
  readonly #projectNorm: RoutedBatchNorm;
  readonly #stride: number;
  readonly #residual: boolean;
  readonly #survival: number;
  readonly #position: number;

  constructor(options: InvertedResidualOptions, norm: NormFactory) {
    super();
    const { inputs, outputs, size, stride, expansion, position, total, lite } = options;
    const activation = lite ? "relu6" : "silu";
    const expanded = inputs * expansion;
    // timm numbers the norms of a block from 1, and its first 1x1 convolution is conv_pw. Without an expansion this is the
    // projection.
    const expands = expansion !== 1;
    if (expands) {
      this.#expand = this.child("conv_pw", new Conv2d(inputs, expanded, 1));
      this.#expandNorm = this.child("bn1", norm(expanded, activation));
    }
    this.#depthwise = this.child("conv_dw", new SameConv2d(expanded, expanded, size, { stride, groups: expanded }));
    this.#depthwiseNorm = this.child(expands ? "bn2" : "bn1", norm(expanded, activation));
    if (!lite) {
      const squeezed = Math.max(1, Math.floor(inputs * SQUEEZE_RATIO));
      this.#squeeze = this.child("se", new SqueezeExcitation(expanded, squeezed));
    }
    this.#project = this.child(expands ? "conv_pwl" : "conv_pw", new Conv2d(expanded, outputs, 1));
    this.#projectNorm = this.child(expands ? "bn3" : "bn2", norm(outputs, "identity"));
    this.#stride = stride;
    this.#residual = stride === 1 && inputs === outputs;
    this.#survival = 1 - (STOCHASTIC_DEPTH * position) / total;
    this.#position = position;
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    const { statistics, trainable, stochastic, byLayers = false } = context;
    // The operators for whole blocks need swish and a gate. The Lite form is computed layer by layer.
    const squeeze = takesWholeBlocks(x) ? this.#squeeze : undefined;
    if (squeeze !== undefined && statistics === "running" && !trainable && !stochastic && !byLayers) {
      return invertedResidual(x, this.#block(x, squeeze, context), this.#residual);
    }
    const y =
      squeeze !== undefined && statistics === "batch" && !isSynchronized(context)
        ? this.#computeByBatch(x, squeeze, context)
        : this.#computeByLayers(x, context);
    if (!this.#residual) return this.#projectNorm.forward(y, context);
    if (!stochastic) return this.#projectNorm.forwardWithResidual(y, x, context);
    return add_(stochasticDepth(this.#projectNorm.forward(y, context), this.#survival, this.#position, context), x);
  }

  /** The branch before its projection, layer by layer. */
  #computeByLayers(x: Tensor, context: ForwardContext): Tensor {
    let y = x;
    if (this.#expand !== undefined && this.#expandNorm !== undefined) {
      y = this.#expandNorm.forward(this.#expand.forward(x, context), context);
    }
    y = this.#depthwiseNorm.forward(this.#depthwise.forward(y, context), context);
    return this.#project.forward(this.#squeeze?.forward(y, context) ?? y, context);
  }

  /**
   * The same with the statistics of the batch, as one operator. It applies norms, activations and gate while it reads and
   * writes.
   */
  #computeByBatch(x: Tensor, squeeze: SqueezeExcitation, context: ForwardContext): Tensor {
    const shape = x.shape;
    const rows = Math.ceil(shape[2] / this.#stride);
    const columns = Math.ceil(shape[3] / this.#stride);
    const norm1 = this.#expandNorm?.norm(context.route);
    const norm2 = this.#depthwiseNorm.norm(context.route);
    norm2.check(shape[0], rows, columns, context); // norm1 has at least as many values
    const factors = [norm1?.factor(context) ?? 0, norm2.factor(context)] as const;
    const y = invertedResidualTraining(x, this.#block(x, squeeze, context), factors);
    if (context.update) {
      norm1?.count(1);
      norm2.count(1);
    }
    return y;
  }

  /** The layers as the operators of a whole block take them. */
  #block(x: Tensor, squeeze: SqueezeExcitation, { route, trainable }: ForwardContext): InvertedResidualBlock {
    return {
      expand: this.#expand && this.#expandNorm?.norm(route).layerOf(this.#expand.weight.for(trainable), trainable),
      depthwise: this.#depthwiseNorm.norm(route).layerOf(this.#depthwise.weight.for(trainable), trainable),
      squeeze: squeeze.operands(trainable),
      project: this.#projectNorm.norm(route).layerOf(this.#project.weight.for(trainable), trainable),
      stride: this.#stride,
      padding: this.#depthwise.padding(x),
      epsilon: this.#depthwiseNorm.norm(route).options.epsilon,
    };
  }
}

/** A config with the image size for which its accuracy was published. */
interface PublishedEfficientNet extends EfficientNetConfig {
  readonly imageSize: number;
}

/** The official scaling (efficientnet_builder.py of tensorflow/tpu). B8 is from the AdvProp paper. */
export const EFFICIENTNETS: Readonly<Record<string, PublishedEfficientNet>> = {
  "efficientnet-b0": { width: 1.0, depth: 1.0, imageSize: 224, dropout: 0.2 },
  "efficientnet-b1": { width: 1.0, depth: 1.1, imageSize: 240, dropout: 0.2 },
  "efficientnet-b2": { width: 1.1, depth: 1.2, imageSize: 260, dropout: 0.3 },
  "efficientnet-b3": { width: 1.2, depth: 1.4, imageSize: 300, dropout: 0.3 },
  "efficientnet-b4": { width: 1.4, depth: 1.8, imageSize: 380, dropout: 0.4 },
  "efficientnet-b5": { width: 1.6, depth: 2.2, imageSize: 456, dropout: 0.4 },
  "efficientnet-b6": { width: 1.8, depth: 2.6, imageSize: 528, dropout: 0.5 },
  "efficientnet-b7": { width: 2.0, depth: 3.1, imageSize: 600, dropout: 0.5 },
  "efficientnet-b8": { width: 2.2, depth: 3.6, imageSize: 672, dropout: 0.5 },
  // From efficientnet_lite_builder.py of the same code.
  "efficientnet-lite0": { lite: true, width: 1.0, depth: 1.0, imageSize: 224, dropout: 0.2 },
  "efficientnet-lite1": { lite: true, width: 1.0, depth: 1.1, imageSize: 240, dropout: 0.2 },
  "efficientnet-lite2": { lite: true, width: 1.1, depth: 1.2, imageSize: 260, dropout: 0.3 },
  "efficientnet-lite3": { lite: true, width: 1.2, depth: 1.4, imageSize: 280, dropout: 0.3 },
  "efficientnet-lite4": { lite: true, width: 1.4, depth: 1.8, imageSize: 300, dropout: 0.3 },
};
