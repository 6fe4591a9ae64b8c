/**
 * The contents of the files of a run folder, version 1. Training writes them; reports and the dashboard only read.
 *
 * ```
 * README.txt              a description of these files for people
 * recipe.yaml             the resolved recipe
 * environment.json        Environment
 * run.json                RunInfo
 * split.json              the photos of each part, if the program split the data set
 * photos.txt              the photos identified by their contents, one line KEY PART FILE each (data/photos/photo-key.ts)
 * metrics.jsonl           MetricsRecord, one per line
 * batch-norm-drift.jsonl  BatchNormDriftRecord, one per line
 * images/                 adversarial examples over time: epoch-0001.png, and SnapshotFile in epoch-0001.json, ...
 * evaluation/             NAME.json: EvaluationFile; NAME.png: its confusion matrix; NAME/: its worst mistakes as pictures
 * evaluation/suites/      SuiteFile, one per suite
 * tensorboard/            event files of TensorBoard, if the run writes them
 * report.html             a page about the run, written when its training ends
 * metrics.csv             metrics.jsonl as a table, written when its training ends
 * checkpoints/            last, previous, best, step-00001000 ...: .safetensors, with a checksum, and .json
 * ```
 *
 * Accuracies are fractions, losses are means over images in nats, times are in seconds, timestamps are ISO 8601 in UTC. A `step`
 * counts the updates since the start of the run, and an `epoch` starts at 0. A reader must ignore unknown fields, since
 * fields can be added without a new version.
 */

import type { SuiteSummary } from "../evaluation/suite/summary.js";
import type { EvaluationView } from "../evaluation/view.js";
import type { PartsFile } from "../parts.js";

/** Version of the schema. It is raised when a field changes its meaning or is removed. */
export const RUN_SCHEMA = 1;

/** The state of a run. A killed run stays "running". */
export type RunStatus = "running" | "stopped" | "failed" | "finished";

/** run.json */
export interface RunInfo {
  readonly schema: typeof RUN_SCHEMA;
  /** Version of this library that created the run. */
  readonly version: string;
  /** The command line, with the program's name first. */
  readonly command: readonly string[];
  readonly createdAt: string;
  /** The times when the run was resumed, oldest first. */
  readonly resumedAt: readonly string[];
  /** Changes of the recipe on a resume, oldest first; absent where there are none. */
  readonly changes?: readonly {
    readonly at: string;
    /** Number of updates before the change. */
    readonly step: number;
    /** By path in the recipe. */
    readonly settings: Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;
  }[];
  readonly status: RunStatus;
  /** The training images, after limits and the validation split. */
  readonly data: {
    readonly name: string;
    readonly classes: readonly string[];
    readonly trainingImages: number;
    readonly validationImages: number;
    /** Absent where it is unknown. */
    readonly testImages?: number;
    /** SHA-256 of the training and validation images in memory. Photos are in photos.txt instead. */
    readonly digest?: string;
  };
  /** How photos are cropped for validation. Absent in older runs, whose crop is size / (size + 32). */
  readonly view?: EvaluationView;
  /** The files that registered its network and its attack. A run never causes them to be loaded. */
  readonly parts?: readonly PartsFile[];
}

/** The losses of a step, named after the images: `cleanLoss`, `adversarialLoss`, ... */
export interface Losses {
  readonly [loss: `${string}Loss`]: number;
}

/** One update of the weights. */
export interface StepRecord extends Losses {
  readonly type: "step";
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  /** L2 norm over all gradients before clipping. */
  readonly gradientNorm?: number;
  /** Training images of the set per second since the last record, without the time of validations. */
  readonly imagesPerSecond: number;
  /** Share of the same time in which training waited for images, in [0, 1]; absent in older runs. */
  readonly waitingShare?: number;
}

/** One pass over the training images. Losses are means over its steps. */
export interface EpochRecord extends Losses {
  readonly type: "epoch";
  /** Number of updates at its end. */
  readonly step: number;
  readonly epoch: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Share of its time in which training waited for images, in [0, 1]; absent in older runs. */
  readonly waitingShare?: number;
}

/** Accuracy and loss of the same images through each batch norm route, by the route's name. */
export type RouteAccuracies = Readonly<Record<string, { readonly accuracy: number; readonly loss: number }>>;

/** One pass over the validation images, through the main route. */
export interface ValidationRecord {
  readonly type: "validation";
  readonly step: number;
  readonly epoch: number;
  readonly accuracy: number;
  readonly loss: number;
  readonly count: number;
  /** Through every route, including `main`; absent for a network with one route, and in older runs. */
  readonly routes?: RouteAccuracies;
}

/** A line of metrics.jsonl */
export type MetricsRecord = StepRecord | EpochRecord | ValidationRecord;

/** A line of batch-norm-drift.jsonl: the distance of an auxiliary route's running statistics from the main ones. */
export interface BatchNormDriftRecord {
  readonly step: number;
  readonly epoch: number;
  /** The auxiliary route that is compared with `main`. */
  readonly route: string;
  readonly layers: readonly {
    readonly name: string;
    /** Root mean square over channels of (mean_route - mean_main) / sqrt(variance_main + epsilon), epsilon that of the norm. */
    readonly mean: number;
    /** Root mean square over channels of ln((variance_route + epsilon) / (variance_main + epsilon)). */
    readonly logVariance: number;
  }[];
}

/** A class and its probability according to the network; "" and 0 where the network's output is NaN. */
export interface SnapshotPrediction {
  readonly class: string;
  /** In [0, 1]. */
  readonly probability: number;
}

/** images/epoch-0001.json: the predictions for the images of the picture with the same name, in the order of its columns. */
export interface SnapshotFile {
  readonly schema: typeof RUN_SCHEMA;
  /** From 0. */
  readonly epoch: number;
  /** The attacked route. */
  readonly route: string;
  readonly images: readonly {
    readonly label: string;
    /** Prediction for the clean image through each route, by the route's name. */
    readonly clean: Readonly<Record<string, SnapshotPrediction>>;
    /** Prediction for the adversarial image, with the pixels of the picture. */
    readonly adversarial: Readonly<Record<string, SnapshotPrediction>>;
  }[];
}

/** A wrong prediction of an evaluation on clean images. */
export interface Mistake {
  /** Index of the image in the evaluation, from 0. */
  readonly index: number;
  /** For a photo, its path relative to the folder of the set. */
  readonly file?: string;
  /** Index into `perClass` of the true class. */
  readonly label: number;
  /** Index of the predicted class; -1 where the network's output is NaN. */
  readonly predicted: number;
  /** Probability of the predicted class, in [0, 1]. */
  readonly probability: number;
  /** Cross-entropy in nats. */
  readonly loss: number;
  /** Path of its picture relative to evaluation/. It shows the input of the network, at most 96 pixels per side. */
  readonly thumbnail?: string;
}

/** A file of evaluation/. */
export interface EvaluationFile {
  readonly schema: typeof RUN_SCHEMA;
  readonly createdAt: string;
  readonly command: readonly string[];
  /** The weights file that was evaluated. */
  readonly weights: string;
  /** The kind of the model, and whether its gradients are available. */
  readonly model: { readonly kind: "advprop" | "onnx"; readonly access: "white-box" | "black-box" };
  /** Batch norm route of an advprop model: "main", or an auxiliary one. */
  readonly route?: string;
  /** The split is "all" for a folder of photos without parts. */
  readonly data: {
    readonly name: string;
    readonly split: string;
    /**
     * Number of images that the run was trained on, and by which its checkpoint was chosen; for photos only where it is
     * known.
     */
    readonly trainedOn?: number;
    readonly validatedOn?: number;
    /** Photos that were left out because they cannot be read. */
    readonly leftOut?: readonly { readonly file: string; readonly reason: string }[];
    /** Sentences that tell how the images were chosen. */
    readonly notes?: readonly string[];
    /** Set where the checkpoint was chosen by these images: its accuracy on them is higher than on others. */
    readonly choseCheckpoint?: true;
  };
  /** How the images were turned into the model's input, and the classes between which it decided. */
  readonly protocol: {
    readonly imageSize: number;
    /** For photos. */
    readonly cropFraction?: number;
    readonly interpolation?: string;
    /** The published set that was recognised by its folders. */
    readonly set?: string;
    /** Settings of an ONNX file's input, and its output: "logits" or "probabilities". */
    readonly format?: Readonly<Record<string, unknown>>;
    readonly output?: string;
    /** The same as text. */
    readonly images: string;
    readonly input?: string;
    readonly classes: string;
  };
  readonly count: number;
  readonly accuracy: number;
  readonly loss: number;
  /** Mean of the accuracies of the classes. */
  readonly balancedAccuracy: number;
  readonly perClass: readonly { readonly name: string; readonly count: number; readonly accuracy: number }[];
  /** For clean images and up to 1,000 classes: rows by true class with counts by predicted class. */
  readonly confusion?: readonly (readonly number[])[];
  /** For more than 1,000 classes, the nonzero counts: true and predicted class (indices into `perClass`), and the count. */
  readonly confusionCounts?: readonly (readonly [label: number, predicted: number, count: number])[];
  /** The 50 wrong predictions with the largest loss, sorted by loss; absent in older files. */
  readonly mistakes?: readonly Mistake[];
  /** The attack with all of its settings, and the accuracy under it. */
  readonly attack?: Readonly<Record<string, unknown>>;
  readonly robustAccuracy?: number;
  /** The result of each attack in order; and for each image "wrong", the attack that broke it, or "robust". */
  readonly robustness?: {
    readonly attacks: readonly {
      readonly name: string;
      readonly attacked: number;
      readonly broken: number;
      /** Adversarial images outside the ball, which do not count. */
      readonly outside: number;
      /** Share of all images that are right after this attack and the ones before it. */
      readonly accuracy: number;
      readonly seconds: number;
    }[];
    readonly outcomes: readonly string[];
    readonly warnings: readonly string[];
  };
  /** On the texture-shape cue conflict images. */
  readonly shapeBias?: {
    readonly count: number;
    readonly shape: number;
    readonly texture: number;
    readonly shapeBias: number;
    readonly textureBias: number;
  };
}

/**
 * A file of evaluation/suites/: the results of this run in a suite, or in an evaluation on a corrupted set. Values that were
 * not measured are null.
 */
export interface SuiteFile {
  readonly schema: typeof RUN_SCHEMA;
  readonly createdAt: string;
  readonly command: readonly string[];
  /** The weights file that was evaluated. */
  readonly weights: string;
  /** The protocol of the measurement as text. */
  readonly protocol: Readonly<Record<string, string>>;
  /** Results of this run only: `models` and the values of each measure have one entry. */
  readonly summary: SuiteSummary;
}
