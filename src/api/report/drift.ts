/** Charts of the differences between auxiliary and main batch norms by layer, at several epochs. */
import type { CurveFigure } from "../../evaluation/report/document.js";
import type { BatchNormDriftRecord } from "../../runs/schema.js";
import { spread } from "./epochs-shown.js";
import type { ReportedRun } from "./reported-run.js";

/** Number of epochs that are shown. */
const EPOCHS = 3;

const MEASURES = [
  {
    key: "mean",
    what: "means, in standard deviations of the main ones",
    yLabel: "difference of the means",
  },
  { key: "logVariance", what: "variances, as the logarithm of their ratio", yLabel: "log ratio of the variances" },
] as const;

/** Two figures for each run and auxiliary route. */
export function driftFigures(runs: readonly ReportedRun[]): CurveFigure[] {
  return runs.flatMap(({ name, drift }) => {
    const routes = [...new Set(drift.map(({ route }) => route))];
    return routes.flatMap((route) => {
      const records = drift.filter((record) => record.route === route);
      return MEASURES.map(
        ({ key, what, yLabel }): CurveFigure => ({
          kind: "curves",
          caption: `${name}, route ${route}: running ${what}`,
          xLabel: "batch norm layer, 1 is next to the image",
          yLabel,
          series: spread(records, EPOCHS).map((record, i) => ({
            name: `after epoch ${record.epoch + 1}`,
            points: pointsOf(record, key),
            colour: i,
            dash: i,
          })),
        }),
      );
    });
  });
}

const pointsOf = ({ layers }: BatchNormDriftRecord, key: "mean" | "logVariance") =>
  layers.map((layer, i) => [i + 1, layer[key]] as const);
