/** The parts of CompareResult and SuiteResult that the page shows. */

export interface ComparisonReport {
  readonly budget: string;
  readonly repetitions: readonly string[];
  readonly arms: readonly {
    readonly name: string;
    readonly method: string;
    readonly model: string;
    readonly epochs: number;
    readonly unitsPerStep: number;
    readonly runs: readonly { readonly units: number; readonly seconds: number }[];
  }[];
  readonly measures: readonly ComparedMeasure[];
  readonly failures: readonly { readonly run: string; readonly message: string }[];
  readonly unfinished?: readonly { readonly run: string; readonly message: string }[];
}

export interface ComparedMeasure {
  readonly name: string;
  readonly better: "higher" | "lower";
  readonly arms: readonly {
    readonly arm: string;
    readonly mean: number;
    readonly deviation: number | undefined;
    /** By repetition. */
    readonly values: Readonly<Record<string, number>>;
    /** This arm minus the first. */
    readonly difference:
      | { readonly value: number; readonly low: number; readonly high: number; readonly p: number }
      | undefined;
  }[];
}

export interface SuiteReport {
  readonly data: { readonly name: string; readonly images: number };
  readonly models: readonly {
    readonly name: string;
    readonly errors: readonly {
      readonly corruption: string;
      readonly bySeverity: readonly (number | undefined | null)[];
    }[];
    readonly robustness: readonly {
      readonly attack: string;
      readonly access: string;
      readonly points: readonly { readonly epsilon: number; readonly accuracy: number }[];
    }[];
  }[];
  readonly measures: readonly {
    readonly name: string;
    readonly better: "higher" | "lower";
    /** By model. */
    readonly values: readonly (
      | { readonly value: number; readonly low: number; readonly high: number; readonly count: number }
      | undefined
    )[];
  }[];
  /** The weights file of each model. */
  readonly files?: Readonly<Record<string, string>>;
}
