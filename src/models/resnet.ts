/**
 * Residual networks (He et al. 2016, https://arxiv.org/abs/1512.03385), with the names of torchvision and timm: `conv1`, `bn1`,
 * `layer1.0.conv1`, ..., `fc`. The norm factory decides the routes.
 */

import { contextOfStage, type ForwardContext } from "../nn/context.js";
import { Conv2d } from "../nn/layers/convolution.js";
import { Linear } from "../nn/layers/linear.js";
import { globalAveragePool, maxPool2d } from "../nn/layers/pooling.js";
import { Module } from "../nn/module.js";
import type { NormFactory, RoutedBatchNorm } from "../nn/routed-batch-norm.js";
import { Sequence } from "../nn/sequence.js";
import type { Tensor } from "../tensor/index.js";
import { branch, paddingShortcut } from "../tensor/operators.js";
import { isHead, StagedNetwork } from "./staged-network.js";

export interface ResNetConfig {
  /** "imagenet": 7x7 stride 2 and max pooling; "cifar": 3x3 stride 1. */
  readonly stem: "imagenet" | "cifar";
  readonly block: "basic" | "bottleneck";
  /** Number of blocks in each stage. */
  readonly depths: readonly number[];
  /** Channels of each stage before a bottleneck's expansion. The stem has as many as the first stage. */
  readonly widths: readonly number[];
  /** How a shortcut changes its shape: a 1x1 convolution with norm, or strides and zero channels (He's options B and A). */
  readonly shortcut: "projection" | "padding";
}

export class ResNet extends StagedNetwork {
  readonly stages: number;
  readonly #stem: Conv2d;
  readonly #first: Sequence;
  readonly #later: readonly Sequence[];
  readonly #classifier: Linear;

  constructor(config: ResNetConfig, classes: number, norm: NormFactory) {
    super();
    const { stem, block, depths, widths, shortcut } = config;
    this.stages = 1 + depths.length;
    this.#stem = this.child(
      "conv1",
      stem === "imagenet" ? new Conv2d(3, widths[0], 7, { stride: 2 }) : new Conv2d(3, widths[0], 3),
    );
    const stemNorm = norm(widths[0], "relu");
    const expansion = block === "bottleneck" ? 4 : 1;
    let inputs = widths[0];
    const stages = depths.map((depth, i) => {
      const blocks = Array.from({ length: depth }, (_, j) => {
        const stride = i > 0 && j === 0 ? 2 : 1;
        const from = j === 0 ? inputs : widths[i] * expansion;
        return block === "basic"
          ? new BasicBlock(from, widths[i], stride, shortcut, norm)
          : new BottleneckBlock(from, widths[i], stride, norm);
      });
      inputs = widths[i] * expansion;
      return blocks;
    });
    const [[first, ...others], ...later] = stages;
    const start = new FirstBlock(stemNorm, stem === "imagenet", first);
    // This module has no name, since the names of a checkpoint have the first norm beside the stages and not inside one.
    this.#first = this.child("", new Sequence([start, ...others], (i) => (i === 0 ? "" : `layer1.${i}`)));
    this.#later = later.map((blocks, i) => this.child(`layer${i + 2}`, new Sequence(blocks)));
    this.#classifier = this.child("fc", new Linear(inputs, classes));
  }

  protected override compute(images: Tensor, context: ForwardContext): Tensor {
    let x = this.#stem.forward(images, contextOfStage(context, 0));
    // The stem's norm is part of the first stage's first block.
    const first = contextOfStage(context, 1);
    x = this.#first.forward(x, first.recompute === "first stage" ? { ...first, recompute: "blocks" } : first);
    for (const [i, stage] of this.#later.entries()) x = stage.forward(x, contextOfStage(context, i + 2));
    return this.#classifier.forward(globalAveragePool(x), context);
  }

  override stageOf(name: string): number {
    if (isHead(name)) return Number.POSITIVE_INFINITY;
    return Number(/^layer(\d+)\./.exec(name)?.[1] ?? 0);
  }
}

/** The layers after the first convolution: its norm, the pooling of the ImageNet form, and the first block of the first stage. */
class FirstBlock extends Module {
  readonly #norm: RoutedBatchNorm;
  readonly #pool: boolean;
  readonly #block: Module;

  constructor(norm: RoutedBatchNorm, pool: boolean, block: Module) {
    super();
    this.#norm = this.child("bn1", norm);
    this.#pool = pool;
    this.#block = this.child("layer1.0", block);
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    const y = this.#norm.forward(x, contextOfStage(context, 0));
    return this.#block.forward(this.#pool ? maxPool2d(y, 3, 2, 1) : y, context);
  }
}

/** relu(norm(conv3x3(relu(norm(conv3x3(x))))) + shortcut(x)). */
class BasicBlock extends Module {
  readonly #conv1;
  readonly #bn1;
  readonly #conv2;
  readonly #bn2;
  readonly #shortcut: Module | undefined;

  constructor(inputs: number, outputs: number, stride: number, shortcut: "projection" | "padding", norm: NormFactory) {
    super();
    this.#conv1 = this.child("conv1", new Conv2d(inputs, outputs, 3, { stride }));
    this.#bn1 = this.child("bn1", norm(outputs, "relu"));
    this.#conv2 = this.child("conv2", new Conv2d(outputs, outputs, 3));
    this.#bn2 = this.child("bn2", norm(outputs, "relu"));
    if (stride !== 1 || inputs !== outputs) {
      this.#shortcut =
        shortcut === "padding"
          ? new PaddingShortcut(stride, outputs - inputs)
          : this.child("downsample", new ProjectionShortcut(inputs, outputs, stride, norm));
    }
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    const [main, side] = branch(x);
    const y = this.#bn1.forwardInto(this.#conv2, this.#conv1.forward(main, context), context);
    const residual = this.#shortcut?.forward(side, context) ?? side;
    return this.#bn2.forwardWithResidual(y, residual, context);
  }
}

/** relu(norm(conv1x1(relu(norm(conv3x3(relu(norm(conv1x1(x)))))))) + shortcut(x)). The 3x3 convolution has the stride. */
class BottleneckBlock extends Module {
  readonly #conv1;
  readonly #bn1;
  readonly #conv2;
  readonly #bn2;
  readonly #conv3;
  readonly #bn3;
  readonly #shortcut: Module | undefined;

  constructor(inputs: number, width: number, stride: number, norm: NormFactory) {
    super();
    const outputs = 4 * width;
    this.#conv1 = this.child("conv1", new Conv2d(inputs, width, 1));
    this.#bn1 = this.child("bn1", norm(width, "relu"));
    this.#conv2 = this.child("conv2", new Conv2d(width, width, 3, { stride }));
    this.#bn2 = this.child("bn2", norm(width, "relu"));
    this.#conv3 = this.child("conv3", new Conv2d(width, outputs, 1));
    this.#bn3 = this.child("bn3", norm(outputs, "relu"));
    if (stride !== 1 || inputs !== outputs) {
      this.#shortcut = this.child("downsample", new ProjectionShortcut(inputs, outputs, stride, norm));
    }
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    const [main, side] = branch(x);
    const y = this.#bn1.forwardInto(this.#conv2, this.#conv1.forward(main, context), context);
    const z = this.#bn2.forwardInto(this.#conv3, y, context);
    const residual = this.#shortcut?.forward(side, context) ?? side;
    return this.#bn3.forwardWithResidual(z, residual, context);
  }
}

/** norm(conv1x1(x)), He's option B. */
class ProjectionShortcut extends Module {
  readonly #convolution;
  readonly #norm;

  constructor(inputs: number, outputs: number, stride: number, norm: NormFactory) {
    super();
    this.#convolution = this.child("0", new Conv2d(inputs, outputs, 1, { stride }));
    this.#norm = this.child("1", norm(outputs, "identity"));
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    return this.#norm.forward(this.#convolution.forward(x, context), context);
  }
}

/** Takes every stride-th pixel and adds half of the zero channels before and half after: He's option A, without parameters. */
class PaddingShortcut extends Module {
  readonly #stride: number;
  readonly #before: number;
  readonly #after: number;

  constructor(stride: number, channels: number) {
    super();
    this.#stride = stride;
    this.#before = Math.floor(channels / 2);
    this.#after = channels - this.#before;
  }

  protected override compute(x: Tensor): Tensor {
    return paddingShortcut(x, this.#stride, this.#before, this.#after);
  }
}

const CIFAR_WIDTHS = [16, 32, 64];
const IMAGENET_WIDTHS = [64, 128, 256, 512];

/** ResNet-D of He et al. 2016, section 4.2: D = 6n + 2, three stages of n basic blocks, shortcuts without parameters. */
const cifar = (depth: number): ResNetConfig => {
  const n = (depth - 2) / 6;
  return { stem: "cifar", block: "basic", depths: [n, n, n], widths: CIFAR_WIDTHS, shortcut: "padding" };
};

/** ResNet-D of He et al. 2016, table 1; "cifar" replaces the stem for small images. */
const imagenet = (
  block: "basic" | "bottleneck",
  depths: readonly number[],
  stem: "imagenet" | "cifar",
): ResNetConfig => ({
  stem,
  block,
  depths,
  widths: IMAGENET_WIDTHS,
  shortcut: "projection",
});

export const RESNETS: Readonly<Record<string, ResNetConfig>> = {
  resnet8: cifar(8),
  resnet20: cifar(20),
  resnet32: cifar(32),
  resnet44: cifar(44),
  resnet56: cifar(56),
  resnet110: cifar(110),
  resnet18: imagenet("basic", [2, 2, 2, 2], "imagenet"),
  resnet34: imagenet("basic", [3, 4, 6, 3], "imagenet"),
  resnet50: imagenet("bottleneck", [3, 4, 6, 3], "imagenet"),
  resnet101: imagenet("bottleneck", [3, 4, 23, 3], "imagenet"),
  resnet152: imagenet("bottleneck", [3, 8, 36, 3], "imagenet"),
  "resnet18-cifar": imagenet("basic", [2, 2, 2, 2], "cifar"),
  "resnet34-cifar": imagenet("basic", [3, 4, 6, 3], "cifar"),
  "resnet50-cifar": imagenet("bottleneck", [3, 4, 6, 3], "cifar"),
};
