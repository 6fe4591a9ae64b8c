/** Charts with the curves of several runs: each run has a colour, each loss or route a dash pattern. */
import type { CurveFigure, CurveSeries } from "../../evaluation/report/document.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import type { Losses, StepRecord } from "../../runs/schema.js";
import type { ReportedRun } from "./reported-run.js";

/** Largest number of points of a curve, which is about 400 pixels wide. */
const POINTS = 160;

/** With fewer epochs than this the losses of steps are drawn. */
const FEW_EPOCHS = 5;

type Point = readonly [x: number, y: number];

/** Charts of the training losses, and of the validation accuracy through each route. */
export const learningCurves = (runs: readonly ReportedRun[]): CurveFigure[] =>
  drawn([
    {
      caption: "Loss of the training images, nats",
      yLabel: "loss, nats",
      series: runs.flatMap((run, colour) => lossCurves(run, colour)),
    },
    {
      caption: "Accuracy on the validation images, in percent",
      yLabel: "accuracy, %",
      shares: true,
      series: runs.flatMap((run, colour) => accuracyCurves(run, colour)),
    },
  ]);

/** Charts of the training process: learning rate, gradient norm, speed and waiting time. */
export const processCurves = (runs: readonly ReportedRun[]): CurveFigure[] => {
  const one = (value: (record: StepRecord) => number | undefined) =>
    runs.map((run, colour): CurveSeries => ({ name: run.name, points: stepPoints(run, value), colour, dash: 0 }));
  return drawn([
    { caption: "Learning rate", yLabel: "learning rate", series: one(({ learningRate }) => learningRate) },
    {
      caption: "L2 norm of the gradient before clipping",
      yLabel: "norm",
      series: one(({ gradientNorm }) => gradientNorm),
    },
    {
      caption: "Training images per second",
      yLabel: "images/s",
      series: one(({ imagesPerSecond }) => imagesPerSecond),
    },
    {
      caption: "Share of the time in which training waited for images, in percent",
      yLabel: "waiting, %",
      shares: true,
      series: one(({ waitingShare }) => waitingShare),
    },
  ]);
};

/** Figures over epochs, without curves of one point and without empty figures. */
function drawn(figures: readonly Omit<CurveFigure, "kind" | "xLabel">[]): CurveFigure[] {
  return figures.flatMap((figure) => {
    const series = figure.series.filter(({ points }) => points.length > 1);
    return series.length === 0 ? [] : [{ kind: "curves", xLabel: "epochs", ...figure, series }];
  });
}

/** Names of a record's losses: cleanLoss, adversarialLoss, ... */
const lossNames = (record: Losses): `${string}Loss`[] =>
  Object.keys(record).filter((key): key is `${string}Loss` => key.endsWith("Loss"));

function lossCurves(run: ReportedRun, colour: number): CurveSeries[] {
  const { steps, epochs, name } = run;
  const names = [...new Set([...steps, ...epochs].flatMap(lossNames))];
  return names.map((loss, dash) => {
    // The loss of a step is that of one mini-batch, so for several epochs their mean losses are more useful.
    const points =
      epochs.length < FEW_EPOCHS && steps.length > epochs.length
        ? stepPoints(run, (record) => record[loss])
        : epochs.map((record): Point => [record.epoch + 1, record[loss]]);
    return { name: `${name}, ${loss.replace(/Loss$/, "")}`, points, colour, dash };
  });
}

function accuracyCurves({ name, validations }: ReportedRun, colour: number): CurveSeries[] {
  const others = [...new Set(validations.flatMap(({ routes = {} }) => Object.keys(routes)))].filter(
    (route) => route !== MAIN_ROUTE,
  );
  const main: CurveSeries = {
    name: others.length === 0 ? name : `${name}, route ${MAIN_ROUTE}`,
    points: validations.map(({ epoch, accuracy }): Point => [epoch + 1, accuracy]),
    colour,
    dash: 0,
  };
  const auxiliary = others.map(
    (route, i): CurveSeries => ({
      name: `${name}, route ${route}`,
      points: validations.flatMap(({ epoch, routes }): Point[] =>
        routes?.[route] ? [[epoch + 1, routes[route].accuracy]] : [],
      ),
      colour,
      dash: i + 1,
    }),
  );
  return [main, ...auxiliary];
}

/** A value of the steps over epochs. Neighbouring steps are averaged if there are more than {@link POINTS}. */
function stepPoints({ steps, stepsPerEpoch }: ReportedRun, value: (record: StepRecord) => number | undefined): Point[] {
  const known = steps.flatMap((record): Point[] => {
    const y = value(record);
    return y === undefined || !Number.isFinite(y)
      ? []
      : [[stepsPerEpoch === undefined ? record.epoch : record.step / stepsPerEpoch, y]];
  });
  const size = Math.ceil(known.length / POINTS);
  return Array.from({ length: Math.ceil(known.length / Math.max(1, size)) }, (_, i): Point => {
    const part = known.slice(i * size, (i + 1) * size);
    const mean = (axis: 0 | 1) => part.reduce((sum, point) => sum + point[axis], 0) / part.length;
    return [mean(0), mean(1)];
  });
}
