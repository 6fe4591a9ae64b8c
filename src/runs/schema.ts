/**
 * What the files of a run folder hold, version 1. Training writes them; reports and the dashboard only read.
 *
 * ```
 * README.txt              what each of these files is, for people
 * recipe.yaml             the resolved recipe
 * environment.json        Environment
 * run.json                RunInfo
 * split.json              which photos are in which part, where the data set does not say
 * photos.txt              the photos by their contents, a line KEY PART FILE each (data/photo-key.ts)
 * metrics.jsonl           MetricsRecord, one a line
 * batch-norm-drift.jsonl  BatchNormDriftRecord, one a line
 * images/                 adversarial examples as they evolve: epoch-0001.png, and SnapshotFile in epoch-0001.json, ...
 * evaluation/             NAME.json: EvaluationFile; NAME.png: its confusion matrix; NAME/: its worst mistakes as pictures
 * evaluation/suites/      SuiteFile, one a suite
 * tensorboard/            event files of TensorBoard, where they were asked for
 * report.html             a page about the run, from when its training ended
 * metrics.csv             metrics.jsonl as a table, from when its training ended
 * checkpoints/            last, previous, best, step-00001000 ...: .safetensors, with a checksum, and .json
 * ```
 *
 * Accuracies are fractions, losses are means over images in nats, times are in seconds, instants are ISO 8601 in UTC. A
 * `step` counts the updates done since the start of the run, an `epoch` starts at 0. A reader must ignore fields that it
 * does not know: they may be added within a version.
 */

import type { SuiteSummary } from "../evaluation/suite/summary.js";
import type { EvaluationView } from "../evaluation/view.js";
import type { PartsFile } from "../parts.js";

/** Version of the schema, raised where a field changes its meaning or goes away. */
export const RUN_SCHEMA = 1;

/** How a run stands. A run that was killed stays "running". */
export type RunStatus = "running" | "stopped" | "failed" | "finished";

/** run.json */
export interface RunInfo {
  readonly schema: typeof RUN_SCHEMA;
  /** Version of this library that created the run. */
  readonly version: string;
  /** The command as given, the program's name first. */
  readonly command: readonly string[];
  readonly createdAt: string;
  /** When the run was resumed, oldest first. */
  readonly resumedAt: readonly string[];
  /** What was changed in the recipe when it was resumed, oldest first; absent where nothing was. */
  readonly changes?: readonly {
    readonly at: string;
    /** Updates done before. */
    readonly step: number;
    /** By its path in the recipe. */
    readonly settings: Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;
  }[];
  readonly status: RunStatus;
  /** The images it trains on, after limits and the validation split. */
  readonly data: {
    readonly name: string;
    readonly classes: readonly string[];
    readonly trainingImages: number;
    readonly validationImages: number;
    /** Where it was known. */
    readonly testImages?: number;
    /** SHA-256 of the training and validation images in memory; photos are in photos.txt. */
    readonly digest?: string;
  };
  /** How photos are cut for validation; absent in runs from before it was recorded, which took size / (size + 32). */
  readonly view?: EvaluationView;
  /** The files that registered its network and its attack, where these are one's own and were loaded from files. They are never loaded by themselves. */
  readonly parts?: readonly PartsFile[];
}

/** The losses of a step by what they were taken on: `cleanLoss`, `adversarialLoss`, ... */
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
  /** Training images of the set per second since the last record, validations aside. */
  readonly imagesPerSecond: number;
  /** Share of the same time in which training waited for images, in [0, 1]; absent in earlier runs. */
  readonly waitingShare?: number;
}

/** One pass over the training images; losses are means over its steps. */
export interface EpochRecord extends Losses {
  readonly type: "epoch";
  /** Steps done at its end. */
  readonly step: number;
  readonly epoch: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Share of its time in which training waited for images, in [0, 1]; absent in earlier runs. */
  readonly waitingShare?: number;
}

/** Accuracy and loss of the same images through each batch norm route, by its name. */
export type RouteAccuracies = Readonly<Record<string, { readonly accuracy: number; readonly loss: number }>>;

/** One pass over the validation images, through the main route. */
export interface ValidationRecord {
  readonly type: "validation";
  readonly step: number;
  readonly epoch: number;
  readonly accuracy: number;
  readonly loss: number;
  readonly count: number;
  /** Through every route, `main` among them; absent for a network of one route, and in earlier runs. */
  readonly routes?: RouteAccuracies;
}

/** A line of metrics.jsonl */
export type MetricsRecord = StepRecord | EpochRecord | ValidationRecord;

/** A line of batch-norm-drift.jsonl: how far an auxiliary route's running statistics lie from the main ones. */
export interface BatchNormDriftRecord {
  readonly step: number;
  readonly epoch: number;
  /** The auxiliary route that is compared with `main`. */
  readonly route: string;
  readonly layers: readonly {
    readonly name: string;
    /** Root mean square over channels of (mean_route - mean_main) / sqrt(variance_main). */
    readonly mean: number;
    /** Root mean square over channels of ln(variance_route / variance_main). */
    readonly logVariance: number;
  }[];
}

/** A class by its name, and how probable the network finds it; "" and 0 where the network gives no number. */
export interface SnapshotPrediction {
  readonly class: string;
  /** In [0, 1]. */
  readonly probability: number;
}

/** images/epoch-0001.json: what the network takes the images of the picture of the same name for, in the order of its columns. */
export interface SnapshotFile {
  readonly schema: typeof RUN_SCHEMA;
  /** From 0. */
  readonly epoch: number;
  /** Whose norms were attacked. */
  readonly route: string;
  readonly images: readonly {
    readonly label: string;
    /** Of the image as it is, through each route by its name. */
    readonly clean: Readonly<Record<string, SnapshotPrediction>>;
    /** Of the adversarial image, with the pixels that the picture shows. */
    readonly adversarial: Readonly<Record<string, SnapshotPrediction>>;
  }[];
}

/** A wrong answer of an evaluation on clean images. */
export interface Mistake {
  /** Place of the image among those that were evaluated, from 0. */
  readonly index: number;
  /** Of a photo, relative to the folder of the set. */
  readonly file?: string;
  /** Index into `perClass` of the true class. */
  readonly label: number;
  /** Of the answer; -1 where the network gave no number. */
  readonly predicted: number;
  /** Of the answer, in [0, 1]. */
  readonly probability: number;
  /** Cross-entropy in nats. */
  readonly loss: number;
  /** Its picture as the network saw it, at most 96 pixels a side: a path relative to evaluation/. */
  readonly thumbnail?: string;
}

/** A file of evaluation/ */
export interface EvaluationFile {
  readonly schema: typeof RUN_SCHEMA;
  readonly createdAt: string;
  readonly command: readonly string[];
  /** The weights file that was evaluated. */
  readonly weights: string;
  /** What answers, and whether its gradients can be had. */
  readonly model: { readonly kind: "advprop" | "onnx"; readonly access: "white-box" | "black-box" };
  /** Batch norm route of a model of ours: "main", or an auxiliary one. */
  readonly route?: string;
  /** The split is "all" for a folder of photos without parts. */
  readonly data: {
    readonly name: string;
    readonly split: string;
    /** Images that the run was trained on, and that its checkpoint was chosen by; where it is known of photos. */
    readonly trainedOn?: number;
    readonly validatedOn?: number;
    /** Photos that were left out because they cannot be read. */
    readonly leftOut?: readonly { readonly file: string; readonly reason: string }[];
    /** What one should know of how the images were chosen. */
    readonly notes?: readonly string[];
    /** Set where these very images chose the checkpoint: its accuracy is higher on them than on others. */
    readonly choseCheckpoint?: true;
  };
  /** How the images became the model's input, and between which classes it decided. */
  readonly protocol: {
    readonly imageSize: number;
    /** Of photos. */
    readonly cropFraction?: number;
    readonly interpolation?: string;
    /** The published set that the folders were recognised as. */
    readonly set?: string;
    /** Settings of an ONNX file's input, and what it gives: "logits" or "probabilities". */
    readonly format?: Readonly<Record<string, unknown>>;
    readonly output?: string;
    /** The same in words. */
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
  /** Of clean images, rows by true class of counts by predicted class. Up to 1,000 classes. */
  readonly confusion?: readonly (readonly number[])[];
  /** The same above 1,000 classes, without zeros: indices into `perClass` of the true and the predicted class, and how often. */
  readonly confusionCounts?: readonly (readonly [label: number, predicted: number, count: number])[];
  /** The 50 wrong answers with the largest loss, the largest first; absent in earlier files. */
  readonly mistakes?: readonly Mistake[];
  /** The attack as resolved, and the accuracy under it. */
  readonly attack?: Readonly<Record<string, unknown>>;
  readonly robustAccuracy?: number;
  /** What each attack did in turn, and of each image "wrong", the attack that broke it, or "robust". */
  readonly robustness?: {
    readonly attacks: readonly {
      readonly name: string;
      readonly attacked: number;
      readonly broken: number;
      /** Adversarial images outside the ball, which do not count. */
      readonly outside: number;
      /** Of all images, after this attack and those before it. */
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
 * A file of evaluation/suites/: what a suite, or an evaluation on a corrupted set, found out of this run. Values that were not measured are
 * null there.
 */
export interface SuiteFile {
  readonly schema: typeof RUN_SCHEMA;
  readonly createdAt: string;
  readonly command: readonly string[];
  /** The weights file that was evaluated. */
  readonly weights: string;
  /** How it was measured, in words. */
  readonly protocol: Readonly<Record<string, string>>;
  /** Of this run alone: `models` and the values of each measure have one entry. */
  readonly summary: SuiteSummary;
}
