/** The types of the page for reports match those of `compare` and the suite. */
import { expectTypeOf, test } from "vitest";
import type { CompareResult } from "../../src/api/compare/result.js";
import type { SuiteResult } from "../../src/api/evaluation/suite-result.js";
import type { ComparisonReport, SuiteReport } from "../../src/dashboard/reports.js";

test("reports have the parts that the page shows (the compiler checks it)", () => {
  expectTypeOf<CompareResult>().toExtend<ComparisonReport>();
  expectTypeOf<SuiteResult>().toExtend<SuiteReport>();
});
