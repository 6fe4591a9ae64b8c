import type { SeedSummary } from "../../evaluation/suite/seeds.js";
import type { SuiteSummary } from "../../evaluation/suite/summary.js";

/** What report.json holds. */
export interface SuiteResult extends SuiteSummary {
  /** Of the runs that differ in nothing but their seed; absent where there are none. */
  readonly seeds?: SeedSummary;
  readonly createdAt: string;
  readonly command: readonly string[];
  readonly protocol: Readonly<Record<string, string>>;
  readonly remarks: readonly string[];
  /** The weights file of each model. */
  readonly files: Readonly<Record<string, string>>;
}
