/** What the dashboard's server answers and its page reads. Accuracies are fractions, times are ISO 8601 or milliseconds since 1970. */

/**
 * How a run stands. "crashed": run.json says that it is running, and its lock gives no sign of life. "unreadable": run.json
 * is of another version or damaged.
 */
export type RunState = "running" | "finished" | "stopped" | "failed" | "crashed" | "unreadable";

/** A run in the list. What its files do not say is absent. */
export interface RunSummary {
  /** Its folder, relative to the one that is followed; "." for that one itself. */
  readonly id: string;
  readonly name: string;
  readonly state: RunState;
  /** Why it is unreadable. */
  readonly problem?: string;
  readonly method?: string;
  readonly model?: string;
  readonly data?: string;
  readonly seed?: number;
  readonly createdAt?: string;
  /** When one of its files last changed. */
  readonly changedAt: number;
  /** Epochs of the recipe, and those that are done. */
  readonly epochs?: number;
  readonly epochsDone?: number;
  readonly step?: number;
  /** Of the last logged step or epoch. */
  readonly loss?: number;
  readonly imagesPerSecond?: number;
  /** Of the last epoch. */
  readonly secondsPerEpoch?: number;
  /** On the validation images: last, and best. */
  readonly validation?: number;
  readonly best?: number;
  /** On the test images: of the newest evaluations without and with an attack. */
  readonly clean?: number;
  readonly robust?: number;
  /** The attack of `robust`, such as "pgd 2/255". */
  readonly attack?: string;
  /** Changes whenever the file does. */
  readonly versions: RunVersions;
}

/** A number for each part of a run, which changes when the part does. */
export interface RunVersions {
  readonly metrics: number;
  readonly drift: number;
  readonly images: number;
  readonly evaluation: number;
}

/** A report of `compare` or of `evaluate` with a suite. */
export interface ReportSummary {
  /** Its folder, relative to the one that is followed. */
  readonly id: string;
  readonly kind: "comparison" | "suite";
  readonly name: string;
  readonly changedAt: number;
}

export interface Listing {
  /** The folder that is followed, as it was given. */
  readonly folder: string;
  readonly runs: readonly RunSummary[];
  readonly reports: readonly ReportSummary[];
}

/** What is sent when something changed: the whole listing at first, and after that what differs. */
export interface Change {
  readonly runs: readonly RunSummary[];
  readonly removed: readonly string[];
  /** All of them, where one changed. */
  readonly reports?: readonly ReportSummary[];
}

/** One metric of a run, in buckets of consecutive records: their last step, and the mean, the least and the largest value. */
export interface SeriesData {
  readonly step: readonly number[];
  readonly mean: readonly number[];
  /** Absent where each bucket holds one record. */
  readonly least?: readonly number[];
  readonly largest?: readonly number[];
}

export interface RunSeries {
  readonly id: string;
  /** Lines that were read, and those of them that are no records. */
  readonly lines: number;
  readonly broken: number;
  /** By type of record and name, such as "step.cleanLoss" and "validation.routes.main.accuracy". */
  readonly series: Readonly<Record<string, SeriesData>>;
}

/** How far an auxiliary route's norms lie from the main ones. */
export interface DriftData {
  readonly route: string;
  readonly epochs: readonly number[];
  readonly layers: readonly string[];
  /** By layer, of each epoch; null where a record lacks the layer. */
  readonly mean: readonly (readonly (number | null)[])[];
  readonly logVariance: readonly (readonly (number | null)[])[];
}

/** A picture of the adversarial examples of an epoch. */
export interface SnapshotEntry {
  /** Name of the picture's file. */
  readonly file: string;
  readonly epoch: number;
  /** What the network takes them for; absent in earlier runs. */
  readonly predictions?: unknown;
}

/** An evaluation without its confusion matrix, and without what each image is. */
export interface EvaluationEntry {
  readonly file: string;
  /** As in EvaluationFile of the run's schema. */
  readonly evaluation: Readonly<Record<string, unknown>>;
  readonly hasConfusion: boolean;
}

/** Everything of a run that is read whole. */
export interface RunDetails {
  readonly summary: RunSummary;
  readonly info?: Readonly<Record<string, unknown>>;
  /** Values of the recipe by their paths, such as "optimizer.lr". */
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, unknown>>;
  readonly snapshots: readonly SnapshotEntry[];
  readonly evaluations: readonly EvaluationEntry[];
  /** What the newest suite found out of this run: the summary of its SuiteFile. */
  readonly suite?: Readonly<Record<string, unknown>>;
}

/** How often an image of one class was taken for another. */
export interface Confusion {
  readonly classes: readonly string[];
  /** Three numbers each, one after another: true class, predicted class, how often. Zeros are left out. */
  readonly counts: readonly number[];
}
