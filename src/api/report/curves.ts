/** The curves of runs, laid over each other: a colour for each run, a dash for each loss or route. */
import type { CurveFigure, CurveSeries } from "../../evaluation/report/document.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import type { Losses, StepRecord } from "../../runs/schema.js";
import type { ReportedRun } from "./reported-run.js";

/** Points of a curve, which is some 400 pixels wide. */
const POINTS = 160;

/** Of fewer epochs the losses of steps are drawn. */
const FEW_EPOCHS = 5;

type Point = readonly [x: number, y: number];

/** Losses of training, and accuracy on the validation images through each route. */
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

/** What tells how the training went, rather than what it learned. */
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
    { caption: "Training images a second", yLabel: "images/s", series: one(({ imagesPerSecond }) => imagesPerSecond) },
    {
      caption: "Share of the time in which training waited for images, in percent",
      yLabel: "waiting, %",
      shares: true,
      series: one(({ waitingShare }) => waitingShare),
    },
  ]);
};

/** Figures over epochs, without curves of one point and figures of none. */
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
    // A step's loss is that of one mini-batch alone: of several epochs their means say more.
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

/** A value of the steps over epochs; of many steps, means over as many neighbours as leave enough points. */
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
    const mean = (place: 0 | 1) => part.reduce((sum, point) => sum + point[place], 0) / part.length;
    return [mean(0), mean(1)];
  });
}
