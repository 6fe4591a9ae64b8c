/** The messages from the dashboard's server to its page. Accuracies are in [0, 1]; times are ISO 8601 or milliseconds since 1970. */

/**
 * The state of a run. "crashed": run.json has the status running, but the lock shows no sign of life. "unreadable": run.json is damaged
 * or of another version, or it or the lock cannot be read.
 */
export type RunState = "running" | "finished" | "stopped" | "failed" | "crashed" | "unreadable";

/** A run in the list. Values that its files do not contain are absent. */
export interface RunSummary {
  /** The run's folder, relative to the watched folder; "." for the watched folder itself. */
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
  /** Number of epochs of the recipe, and of finished epochs. */
  readonly epochs?: number;
  readonly epochsDone?: number;
  readonly step?: number;
  /** The loss of the last logged step or epoch. */
  readonly loss?: number;
  readonly imagesPerSecond?: number;
  /** Duration of the last epoch. */
  readonly secondsPerEpoch?: number;
  /** The last and the best accuracy on the validation images. */
  readonly validation?: number;
  readonly best?: number;
  /** Accuracies on the test images, from the newest evaluations without and with an attack. */
  readonly clean?: number;
  readonly robust?: number;
  /** The attack of `robust`, such as "pgd 2/255". */
  readonly attack?: string;
  /** Numbers that change whenever the files change. */
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
  /** The folder of the report, relative to the watched folder. */
  readonly id: string;
  readonly kind: "comparison" | "suite";
  readonly name: string;
  readonly changedAt: number;
}

export interface Listing {
  /** The watched folder, as it was given. */
  readonly folder: string;
  readonly runs: readonly RunSummary[];
  readonly reports: readonly ReportSummary[];
}

/** A change of the listing. */
export interface Change {
  readonly runs: readonly RunSummary[];
  readonly removed: readonly string[];
  /** All reports, if any of them changed. */
  readonly reports?: readonly ReportSummary[];
}

/** A metric of a run in buckets of consecutive records, with their last step and their mean, smallest and largest value. */
export interface SeriesData {
  readonly step: readonly number[];
  readonly mean: readonly number[];
  /** Absent if each bucket has one record. */
  readonly least?: readonly number[];
  readonly largest?: readonly number[];
}

export interface RunSeries {
  readonly id: string;
  /** Number of lines that were read, and of lines that are not records. */
  readonly lines: number;
  readonly broken: number;
  /** The series by type of record and name, such as "step.cleanLoss" and "validation.routes.main.accuracy". */
  readonly series: Readonly<Record<string, SeriesData>>;
}

/** The drift of an auxiliary route's batch norms from the main ones. */
export interface DriftData {
  readonly route: string;
  readonly epochs: readonly number[];
  readonly layers: readonly string[];
  /** By layer and epoch; null if a record lacks the layer. */
  readonly mean: readonly (readonly (number | null)[])[];
  readonly logVariance: readonly (readonly (number | null)[])[];
}

/** A picture of the adversarial examples of an epoch. */
export interface SnapshotEntry {
  /** Name of the picture's file. */
  readonly file: string;
  readonly epoch: number;
  /** The network's predictions; absent in runs of earlier versions. */
  readonly predictions?: unknown;
}

/** An evaluation without its confusion matrix and without the list of images. */
export interface EvaluationEntry {
  readonly file: string;
  /** The contents of an EvaluationFile of the run's schema. */
  readonly evaluation: Readonly<Record<string, unknown>>;
  readonly hasConfusion: boolean;
}

/** The parts of a run that are read completely. */
export interface RunDetails {
  readonly summary: RunSummary;
  readonly info?: Readonly<Record<string, unknown>>;
  /** Values of the recipe by their paths, such as "optimizer.lr". */
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, unknown>>;
  readonly snapshots: readonly SnapshotEntry[];
  readonly evaluations: readonly EvaluationEntry[];
  /** The result of the newest suite for this run: the summary of its SuiteFile. */
  readonly suite?: Readonly<Record<string, unknown>>;
}

/** A confusion matrix. */
export interface Confusion {
  readonly classes: readonly string[];
  /** Triples of numbers in one list: true class, predicted class, count. Zeros are left out. */
  readonly counts: readonly number[];
}
