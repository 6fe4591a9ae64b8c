// The plots of docs/results.md, as SVG. A plot whose runs are missing is left out.

import { axis, escapeXml, FONT, lineChart } from "../dist/figures/chart.js";
import { SERIES_COLOURS } from "../dist/figures/series-colours.js";
import { candidatesFor, chosenSettings } from "./questions/index.mjs";
import { compared } from "./tables.mjs";

const SIZE = { width: 640, height: 320 };
const points = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
const percent = (value) => `${(100 * value).toFixed(1)} %`;

/** The plots that can be drawn, each with its question, file name, description and SVG. */
export function resultPlots(runs, questions) {
  const trainingsOf = (key) => {
    if (questions[key] === undefined) return [];
    const { chosen, missing } = chosenSettings(candidatesFor(questions[key]), runs);
    return missing.length > 0 ? [] : questions[key].trainings(chosen).filter(({ name }) => runs.has(name));
  };
  const a = trainingsOf("a");
  const c = trainingsOf("c").filter(({ pretrained }) => pretrained);
  return [
    accuracies("a", a, runs),
    drift("a", a, runs),
    accuracies("c", c, runs),
    drift("c", c, runs),
    gainOverImages(a, trainingsOf("d"), runs),
    gainOverEpsilon(a, trainingsOf("e"), runs),
  ].flatMap((plot) => (plot === undefined ? [] : [plot]));
}

/** Clean and corrupted accuracy of the first arm, and of every other one by its paired difference, so that arms with fewer seeds compare too. */
function accuracies(question, trainings, runs) {
  const arms = [...new Set(trainings.map(({ arm }) => arm))];
  if (arms.length < 2) return undefined;
  const measured = compared(trainings, runs, arms[0]);
  const placed = (key, arm) => measured(key)(arms[0]).mean + (measured(key)(arm)?.difference?.value ?? 0);
  const marks = arms
    .filter((arm) => arm === arms[0] || measured("clean")(arm)?.difference !== undefined)
    .map((arm) => ({ name: arm, x: placed("clean", arm), y: placed("corrupted", arm) }));
  const words = "Accuracy on corrupted images over accuracy on clean ones, by arm";
  return { question, file: `${question}-accuracies.svg`, words, svg: scatter(words, "clean accuracy", marks) };
}

/** How far the auxiliary norms are from the main ones, mean over the seeds, by depth. */
function drift(question, trainings, runs) {
  const driftsOf = (arm) =>
    trainings
      .filter((one) => one.arm === arm)
      .flatMap(({ name }) => [runs.get(name).measured.drift ?? []].filter((one) => one.length > 0));
  const series = ["advprop", "sign-noise", "clean-copy"].flatMap((name) => {
    const all = driftsOf(name);
    if (all.length === 0) return [];
    const mean = (layer) => all.reduce((sum, one) => sum + one[layer].mean, 0) / all.length;
    return [{ name, points: all[0].map((_, layer) => [layer + 1, mean(layer)]) }];
  });
  if (series.length === 0) return undefined;
  const words = "Drift of the auxiliary means, in standard deviations of the main norm";
  return {
    question,
    file: `${question}-drift.svg`,
    words,
    svg: lines(words, "batch norm, from the input on", series, (y) => y.toFixed(2)),
  };
}

function gainOverImages(a, d, runs) {
  const sizes = [
    [500, d.filter(({ group }) => group === "500 images"), ["vanilla, 500 images", "advprop, 500 images"]],
    [1000, a, ["vanilla", "advprop"]],
    [4000, d.filter(({ group }) => group === "4000 images"), ["vanilla, 4000 images", "advprop, 4000 images"]],
  ];
  return gains("d", "images", "training images", sizes, runs);
}

function gainOverEpsilon(a, e, runs) {
  const arms = [
    [1, "epsilon 1/255"],
    [2, "epsilon 2/255"],
    [4, "advprop"],
    [8, "epsilon 8/255"],
  ];
  const all = [...a, ...e];
  return gains(
    "e",
    "epsilon",
    "255 epsilon",
    arms.map(([x, arm]) => [x, all, ["vanilla", arm]]),
    runs,
  );
}

/** AdvProp's gain over vanilla, with its 95 % interval, for clean and for corrupted images. */
function gains(question, over, xLabel, places, runs) {
  const series = ["clean", "corrupted"].flatMap((key) => {
    const found = places.flatMap(([x, trainings, [vanilla, advprop]]) => {
      const own = trainings.filter(({ arm }) => arm === vanilla || arm === advprop);
      const difference = own.length === 0 ? undefined : compared(own, runs, vanilla)(key)(advprop)?.difference;
      return difference === undefined ? [] : [{ x, ...difference }];
    });
    const line = (value) => found.map((one) => [one.x, one[value]]);
    return [
      { name: key, points: line("value") },
      { name: `${key}, 95 %`, points: line("low"), dashed: true },
      { name: "", points: line("high"), dashed: true },
    ];
  });
  if (series[0].points.length < 2) return undefined;
  const words = `Gain of AdvProp over vanilla, in points, over ${xLabel}`;
  return { question, file: `${question}-gain-over-${over}.svg`, words, svg: lines(words, xLabel, series, points) };
}

const svg = (title, content) =>
  `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ${SIZE.width} ${SIZE.height}' width='${SIZE.width}'><title>${escapeXml(title)}</title><rect width='100%' height='100%' fill='white'/>${content}</svg>\n`;

/** A colour for each named series; a series without a name has that of the one before it. */
function lines(title, xLabel, series, format) {
  let index = -1;
  const coloured = series.map((one) => {
    if (!one.dashed) index++;
    return { ...one, colour: SERIES_COLOURS.light[index] };
  });
  return svg(title, lineChart({ ...SIZE, title, xLabel, series: coloured, format, legend: "right" }));
}

const MARGIN = { left: 56, right: 170, top: 34, bottom: 44 };

/** The distance of two names, in pixels. */
const LINE_HEIGHT = 14;

/** Heights of names beside points at the heights `wanted`, in their order, one line apart at least. */
function spread(wanted) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const heights = [...wanted];
  order.forEach((i, place) => {
    if (place > 0) heights[i] = Math.max(heights[i], heights[order[place - 1]] + LINE_HEIGHT);
  });
  return heights;
}

/** A point for each arm, with a line to its name at the right. */
function scatter(title, xLabel, marks) {
  const { left, right, top, bottom } = MARGIN;
  const x = axis(
    marks.map((one) => one.x),
    left,
    SIZE.width - right,
  );
  const y = axis(
    marks.map((one) => one.y),
    SIZE.height - bottom,
    top,
  );
  const text = (at, words, anchor) =>
    `<text x='${at[0].toFixed(1)}' y='${at[1].toFixed(1)}' text-anchor='${anchor}'>${escapeXml(words)}</text>`;
  const grid = [
    ...y.ticks.map(
      (tick) =>
        `<line x1='${left}' x2='${SIZE.width - right}' y1='${y.position(tick)}' y2='${y.position(tick)}' stroke='#e4e4e4'/>`,
    ),
    ...y.ticks.map((tick) => text([left - 6, y.position(tick) + 4], percent(tick), "end")),
    ...x.ticks.map((tick) => text([x.position(tick), SIZE.height - bottom + 16], percent(tick), "middle")),
  ];
  const named = SIZE.width - right + 20;
  const heights = spread(marks.map((mark) => y.position(mark.y)));
  const dots = marks.flatMap((mark, i) => {
    const [cx, cy, height] = [x.position(mark.x), y.position(mark.y), heights[i]].map((one) => one.toFixed(1));
    const colour = SERIES_COLOURS.light[i % SERIES_COLOURS.light.length];
    return [
      `<line x1='${cx}' y1='${cy}' x2='${named - 4}' y2='${height}' stroke='${colour}' stroke-width='0.5'/>`,
      `<circle cx='${cx}' cy='${cy}' r='4' fill='${colour}'/>`,
      text([named, heights[i] + 4], mark.name, "start"),
    ];
  });
  const words = [
    `<text x='${left}' y='18' font-size='13' font-weight='bold'>${escapeXml(title)}</text>`,
    text([(left + SIZE.width - right) / 2, SIZE.height - 8], xLabel, "middle"),
  ];
  return svg(title, `<g ${FONT} font-size='11' fill='#333'>${[...grid, ...dots, ...words].join("")}</g>`);
}
