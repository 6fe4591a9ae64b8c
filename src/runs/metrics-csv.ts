/** The metrics of a run as a table for other programs. */
import { csv } from "../evaluation/report/csv.js";
import type { MetricsRecord } from "./schema.js";

/**
 * A line for each record in order, and a column for each field of any record. Names of nested fields have dots, such as
 * `routes.aux.accuracy`. A missing field is empty. Quoting as in RFC 4180.
 */
export function metricsCsv(records: readonly MetricsRecord[]): string {
  const rows = records.map((record) => new Map(fieldsOf(record)));
  const columns = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  return csv([columns, ...rows.map((row) => columns.map((column) => row.get(column) ?? ""))]);
}

function fieldsOf(record: object, path = ""): [string, string][] {
  return Object.entries(record).flatMap(([key, value]): [string, string][] =>
    typeof value === "object" && value !== null
      ? fieldsOf(value, `${path}${key}.`)
      : [[`${path}${key}`, String(value ?? "")]],
  );
}
