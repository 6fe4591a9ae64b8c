/**
 * Published weights files for the networks here. Their accuracies are those of the publishers on ImageNet's validation
 * images, unless noted. `checked` tells what was verified here.
 */
import type { EvaluationView } from "../evaluation/view.js";
import type { PresetName } from "./preset-names.js";

export interface PublishedWeights {
  /** The reference to give as weights. */
  readonly reference: string;
  /** The network's name here. */
  readonly model: string;
  /** The training of the network, and its publisher. */
  readonly training: string;
  readonly preset: PresetName;
  /** Side of the images and crop rule, if they differ from the preset. */
  readonly imageSize?: number;
  readonly view?: EvaluationView;
  /** Top-1 accuracy as published, a fraction. */
  readonly accuracy?: number;
  /** First digits of the SHA-256 of the file, which are part of its name. */
  readonly sha256: string;
  /** The name of the file that the digits belong to, if `reference` is another format of it. */
  readonly file?: string;
  /**
   * "file": the published file itself was evaluated; "layout": files with random weights, saved by the same library for this
   * network, gave the logits of that library; "family": the same was done for another size of the network.
   */
  readonly checked: "file" | "layout" | "family";
}

const TIMM_RELEASE = "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights/";
const LUKEMELAS_RELEASE = "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/";
const TORCHVISION = "https://download.pytorch.org/models/";
const AKAMASTER = "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/";

/** The first digits of the hash in a name such as resnet18-f37072fd.pth. */
const hashOf = (file: string): string => /-([0-9a-f]{8})\./.exec(file)?.[1] ?? "";

/** The networks for which files of each library were compared: `npm run test:peers`, docs/weights.md. */
const COMPARED: readonly string[] = [
  "efficientnet-b0",
  "efficientnet-b3",
  "efficientnet-lite0",
  "resnet18",
  "resnet50",
];
const checked = (model: string) => (COMPARED.includes(model) ? "layout" : "family");

/** Entries for B0, B1, ... with the accuracies of the table in tensorflow/tpu's README. */
const series = (
  base: string,
  files: readonly string[],
  accuracies: readonly number[],
  preset: PresetName,
  training: string,
): PublishedWeights[] =>
  files.map((file, i) => {
    const model = `efficientnet-b${/b(\d)/.exec(file)?.[1]}`;
    const accuracy = accuracies[i] / 100;
    const reference = `${base}${file}`;
    return { reference, model, training, preset, accuracy, sha256: hashOf(file), checked: checked(model) };
  });

/** README of models/official/efficientnet, https://github.com/tensorflow/tpu: AdvProp, AutoAugment and plain, from B0 on. */
const ADVPROP = [77.6, 79.6, 80.5, 81.9, 83.3, 84.3, 84.8, 85.2, 85.5];
const AUTO_AUGMENT = [77.3, 79.2, 80.3, 81.7, 83.0, 83.7, 84.2, 84.5];
const PLAIN = [76.8, 78.8, 79.8, 81.0, 82.6, 83.2];

// Files, hashes and sizes: timm 1.0.31, models/efficientnet.py; efficientnet_pytorch 0.7.1, utils.py.
const efficientNets = [
  ...series(
    TIMM_RELEASE,
    [
      "tf_efficientnet_b0_ap-f262efe1.pth",
      "tf_efficientnet_b1_ap-44ef0a3d.pth",
      "tf_efficientnet_b2_ap-2f8e7636.pth",
      "tf_efficientnet_b3_ap-aad25bdd.pth",
      "tf_efficientnet_b4_ap-dedb23e6.pth",
      "tf_efficientnet_b5_ap-9e82fae8.pth",
      "tf_efficientnet_b6_ap-4ffb161f.pth",
      "tf_efficientnet_b7_ap-ddb28fec.pth",
      "tf_efficientnet_b8_ap-00e169fa.pth",
    ],
    ADVPROP,
    "advprop",
    "AdvProp with AutoAugment (Google, converted by timm)",
  ),
  ...series(
    LUKEMELAS_RELEASE,
    [
      "adv-efficientnet-b0-b64d5a18.pth",
      "adv-efficientnet-b1-0f3ce85a.pth",
      "adv-efficientnet-b2-6e9d97e5.pth",
      "adv-efficientnet-b3-cdd7c0f4.pth",
      "adv-efficientnet-b4-44fb3a87.pth",
      "adv-efficientnet-b5-86493f6b.pth",
      "adv-efficientnet-b6-ac80338e.pth",
      "adv-efficientnet-b7-4652b6dd.pth",
      "adv-efficientnet-b8-22a8fe65.pth",
    ],
    ADVPROP,
    "advprop",
    "AdvProp with AutoAugment (Google, converted by lukemelas)",
  ),
  ...series(
    TIMM_RELEASE,
    [
      "tf_efficientnet_b0_aa-827b6e33.pth",
      "tf_efficientnet_b1_aa-ea7a6ee0.pth",
      "tf_efficientnet_b2_aa-60c94f97.pth",
      "tf_efficientnet_b3_aa-84b4657e.pth",
      "tf_efficientnet_b4_aa-818f208c.pth",
      "tf_efficientnet_b5_aa-99018a74.pth",
      "tf_efficientnet_b6_aa-80ba17e4.pth",
      "tf_efficientnet_b7_aa-076e3472.pth",
    ],
    AUTO_AUGMENT,
    "imagenet",
    "AutoAugment (Google, converted by timm)",
  ),
  ...series(
    TIMM_RELEASE,
    [
      "tf_efficientnet_b0-0af12548.pth",
      "tf_efficientnet_b1-5c1377c4.pth",
      "tf_efficientnet_b2-e393ef04.pth",
      "tf_efficientnet_b3-e3bd6955.pth",
      "tf_efficientnet_b4-74ee3bed.pth",
      "tf_efficientnet_b5-c6949ce9.pth",
    ],
    PLAIN,
    "imagenet",
    "plain (Google, converted by timm)",
  ),
];

/** Accuracies and crops of torchvision 0.29.1, models/resnet.py: 224 of 256 pixels (first weights) and of 232 (second). */
const torchvision = (file: string, accuracy: number, resized: number): PublishedWeights => ({
  reference: `${TORCHVISION}${file}`,
  model: file.slice(0, file.indexOf("-")),
  training:
    resized === 256 ? "first weights (torchvision)" : "second weights, longer and stronger training (torchvision)",
  preset: "imagenet",
  view: { cropFraction: 224 / resized, interpolation: "bilinear" },
  accuracy: accuracy / 100,
  sha256: hashOf(file),
  checked: checked(file.slice(0, file.indexOf("-"))),
});

const resnets = [
  torchvision("resnet18-f37072fd.pth", 69.758, 256),
  torchvision("resnet34-b627a593.pth", 73.314, 256),
  torchvision("resnet50-0676ba61.pth", 76.13, 256),
  torchvision("resnet50-11ad3fa6.pth", 80.858, 232),
  torchvision("resnet101-63fe2227.pth", 77.374, 256),
  torchvision("resnet101-cd907fc2.pth", 81.886, 232),
  torchvision("resnet152-394f9c45.pth", 78.312, 256),
  torchvision("resnet152-f82ba261.pth", 82.284, 232),
];

/**
 * Files of timm on Hugging Face, with the sizes and crops of timm's tests: results/results-imagenet.csv of
 * pytorch-image-models.
 */
const timm = (
  name: string,
  file: string,
  training: string,
  test: { accuracy: number; imageSize: number; cropFraction: number },
): PublishedWeights => ({
  reference: `hf:timm/${name}`,
  model: name.slice(0, name.indexOf(".")),
  training: `${training} (timm)`,
  preset: "imagenet",
  imageSize: test.imageSize,
  view: { cropFraction: test.cropFraction, interpolation: "bicubic" },
  accuracy: test.accuracy / 100,
  sha256: hashOf(file),
  file,
  checked: checked(name.slice(0, name.indexOf("."))),
});

const timmResnets = [
  timm("resnet34.a1_in1k", "resnet34_a1_0-46f8f793.pth", "ResNet strikes back, A1", {
    accuracy: 77.918,
    imageSize: 288,
    cropFraction: 1,
  }),
  timm("resnet50.am_in1k", "resnet50_am-6c502b37.pth", "AugMix", {
    accuracy: 78.998,
    imageSize: 224,
    cropFraction: 0.875,
  }),
  timm("resnet50.gluon_in1k", "gluon_resnet50_v1b-0ebe02e2.pth", "bag of tricks, MXNet", {
    accuracy: 77.58,
    imageSize: 224,
    cropFraction: 0.875,
  }),
  timm("resnet101.gluon_in1k", "gluon_resnet101_v1b-3b017079.pth", "bag of tricks, MXNet", {
    accuracy: 79.31,
    imageSize: 224,
    cropFraction: 0.875,
  }),
];

/** The weights of a network for small machines, which fine-tuning suggests by default. */
export const SMALL_WEIGHTS = "hf:timm/tf_efficientnet_lite0.in1k";

/**
 * Google's files, with the sizes, crops and accuracies of timm's tests (models/efficientnet.py of timm 1.0.31,
 * results/results-imagenet.csv). timm tests Lite3 and Lite4 at larger images than the 280 and 300 pixels for which they were
 * made.
 */
const lite = (file: string, accuracy: number, imageSize: number, cropFraction: number): PublishedWeights => {
  const size = Number(/lite(\d)/.exec(file)?.[1]);
  return {
    reference: `hf:timm/tf_efficientnet_lite${size}.in1k`,
    model: `efficientnet-lite${size}`,
    training: "plain (Google, converted by timm)",
    preset: "half",
    imageSize,
    view: { cropFraction, interpolation: size < 3 ? "bicubic" : "bilinear" },
    accuracy: accuracy / 100,
    sha256: hashOf(file),
    file,
    checked: checked(`efficientnet-lite${size}`),
  };
};

const lites = [
  lite("tf_efficientnet_lite0-0aa007d2.pth", 74.83, 224, 0.875),
  lite("tf_efficientnet_lite1-bde8b488.pth", 76.64, 240, 0.882),
  lite("tf_efficientnet_lite2-dcccb7df.pth", 77.46, 260, 0.89),
  lite("tf_efficientnet_lite3-b733e338.pth", 79.83, 300, 0.904),
  lite("tf_efficientnet_lite4-741542c3.pth", 81.54, 380, 0.92),
];

/** The accuracy is that on CIFAR-10's test images, and was measured here too: 91.73 %. */
const cifar: PublishedWeights = {
  reference: `${AKAMASTER}resnet20-12fca82f.th`,
  model: "resnet20",
  training: "CIFAR-10 (akamaster)",
  preset: "imagenet",
  accuracy: 0.9173,
  sha256: "12fca82f",
  checked: "file",
};

export const PUBLISHED_WEIGHTS: readonly PublishedWeights[] = [
  ...efficientNets,
  ...lites,
  ...resnets,
  ...timmResnets,
  cifar,
];

/**
 * The entry of a file by its name, wherever the file is. A file of Hugging Face is found by `/OWNER/NAME/resolve/` in its
 * path.
 */
export function findPublished(path: string): PublishedWeights | undefined {
  const hub = /([^/]+\/[^/]+)\/resolve\//.exec(path)?.[1];
  const name = path.slice(path.lastIndexOf("/") + 1);
  return PUBLISHED_WEIGHTS.find(({ reference, file }) => {
    return reference.startsWith("hf:") ? reference === `hf:${hub}` || file === name : reference.endsWith(`/${name}`);
  });
}
