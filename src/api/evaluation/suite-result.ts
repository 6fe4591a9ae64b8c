import type { SeedSummary } from "../../evaluation/suite/seeds.js";
import type { SuiteSummary } from "../../evaluation/suite/summary.js";

/** The contents of report.json. */
export interface SuiteResult extends SuiteSummary {
  /** Statistics over runs that differ only in their seed; absent if there are none. */
  readonly seeds?: SeedSummary;
  readonly createdAt: string;
  readonly command: readonly string[];
  readonly protocol: Readonly<Record<string, string>>;
  readonly remarks: readonly string[];
  /** The weights file of each model. */
  readonly files: Readonly<Record<string, string>>;
}
