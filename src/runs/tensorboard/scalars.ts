/** The scalars of TensorBoard from the records of a run. A name with a slash is a chart in a group. */
import type { BatchNormDriftRecord, MetricsRecord } from "../schema.js";

export type Scalars = readonly (readonly [tag: string, value: number])[];

/** The values of a line of metrics.jsonl. */
export function metricScalars(record: MetricsRecord): Scalars {
  const losses = Object.entries(record).flatMap(([key, value]) =>
    key.endsWith("Loss") ? [[key.replace(/Loss$/, ""), value as number] as const] : [],
  );
  switch (record.type) {
    case "step":
      return known([
        ...losses.map(([name, loss]) => [`loss/${name}`, loss] as const),
        ["training/learning_rate", record.learningRate],
        ["training/gradient_norm", record.gradientNorm],
        ["training/images_per_second", record.imagesPerSecond],
        ["training/waiting_share", record.waitingShare],
      ]);
    case "epoch":
      return known([
        ...losses.map(([name, loss]) => [`epoch_loss/${name}`, loss] as const),
        ["epoch/seconds", record.seconds],
        ["epoch/images_per_second", record.imagesPerSecond],
        ["epoch/waiting_share", record.waitingShare],
      ]);
    case "validation": {
      const routes = Object.entries(record.routes ?? { main: record });
      return routes.flatMap(([route, { accuracy, loss }]) => [
        [`validation_accuracy/${route}`, accuracy] as const,
        [`validation_loss/${route}`, loss] as const,
      ]);
    }
  }
}

/** The drift of each layer. */
export const driftScalars = ({ route, layers }: BatchNormDriftRecord): Scalars =>
  layers.flatMap(({ name, mean, logVariance }) => [
    [`drift_mean_${route}/${name}`, mean] as const,
    [`drift_log_variance_${route}/${name}`, logVariance] as const,
  ]);

const known = (scalars: readonly (readonly [tag: string, value: number | undefined])[]): Scalars =>
  scalars.filter((scalar): scalar is readonly [string, number] => scalar[1] !== undefined);
