/** The report of a suite: the table of results, and the details behind it. */
import { CORRUPTIONS, SEVERITIES } from "../../corruptions/index.js";
import { ALEXNET } from "../corruption-error.js";
import {
  type Block,
  type Document,
  fixed,
  type LineFigure,
  type PictureGrid,
  percent,
  type Quantity,
  type TableCell,
} from "../report/document.js";
import type { ClassSummary } from "./classes.js";
import { in255ths } from "./measures.js";
import type { SeedSummary } from "./seeds.js";
import type { CleanSummary, MeasuredInterval, MeasureSummary, ModelSummary, SuiteSummary } from "./summary.js";

/** Parts of the report that do not follow from the measurements. */
export interface SuiteReportParts {
  /** The protocol of the measurement, one line for each part. */
  readonly protocol: readonly (readonly [what: string, how: string])[];
  /** Limits of this evaluation, for instance an attack that does not work on a model. */
  readonly remarks: readonly string[];
  /** Results over seeds, where several models differ only in their seed. */
  readonly seeds?: SeedSummary;
  /** Sample images; none where undefined. */
  readonly pictures?: PictureGrid;
}

/** Number of classes in the table of the worst classes. */
const WORST_CLASSES = 10;
/** Top-5 accuracy is reported only for more classes than this. */
const TOP5_CLASSES = 10;

/** The report as a document, for any of the renderers. */
export function suiteDocument(
  summary: SuiteSummary,
  { protocol, remarks, seeds, pictures }: SuiteReportParts,
): Document {
  const { models, data } = summary;
  return {
    title: `Robustness of ${models.map(({ name }) => name).join(", ")}`,
    blocks: [
      { kind: "paragraph", text: `${data.images} images of ${data.name}, ${data.classes} classes.` },
      ...remarks.map((text): Block => ({ kind: "paragraph", text })),
      { kind: "heading", text: "Results" },
      ...resultTables(summary),
      ...(models.length > 1 ? differenceBlocks(summary) : []),
      ...(seeds ? seedBlocks(seeds) : []),
      ...under("Corruptions", corruptionMaps(models)),
      ...under("Attacks", robustnessFigures(models)),
      { kind: "heading", text: "Worst classes" },
      ...models.map(worstClasses),
      ...(pictures ? [{ kind: "heading" as const, text: "Sample images" }, pictures] : []),
      { kind: "heading", text: "Protocol" },
      {
        kind: "table",
        caption: "How it was measured",
        columns: ["", "protocol"],
        rows: [...protocol, ...models.map(({ name, digest }) => [`SHA-256 of ${name}`, digest.slice(0, 16)])],
      },
    ],
  };
}

/** Blocks with a heading; empty where there are no blocks. */
const under = (heading: string, blocks: readonly Block[]): Block[] =>
  blocks.length === 0 ? [] : [{ kind: "heading", text: heading }, ...blocks];

/** All measures of the models, and other results on clean images. */
export function resultTables({ models, measures, data, seed }: SuiteSummary): Block[] {
  const interval = (measured: MeasuredInterval | undefined): TableCell =>
    measured === undefined
      ? "not measured"
      : { value: measured.value, text: `${share(measured.value)} [${share(measured.low)}, ${share(measured.high)}]` };
  return [
    {
      kind: "table",
      caption:
        "In percent, with 95 % bootstrap intervals over images; ↑ higher is better, ↓ lower is better. The intervals hold for these models on other " +
        `images, not for other trainings. Resampled with seed ${seed}.`,
      columns: ["", ...models.map(({ name }) => name)],
      rows: measures.map((measure) => [rowName(measure), ...measure.values.map(interval)]),
    },
    ...cleanBlocks(models, data.classes),
  ];
}

function cleanBlocks(models: readonly ModelSummary[], classes: number): Block[] {
  const measured = models.flatMap(({ clean }) => clean ?? []);
  if (measured.length < models.length) return [];
  const row = (name: string, value: (clean: CleanSummary) => Quantity): TableCell[] => [name, ...measured.map(value)];
  return [
    {
      kind: "table",
      caption: "On clean images. ECE with 15 bins; no temperature was fitted.",
      columns: ["", ...models.map(({ name }) => name)],
      rows: [
        row("balanced accuracy, % ↑", ({ balancedAccuracy }) => percent(balancedAccuracy)),
        ...(classes > TOP5_CLASSES ? [row("top-5 accuracy, % ↑", ({ top5Accuracy }) => percent(top5Accuracy))] : []),
        row("expected calibration error, % ↓", ({ ece }) => percent(ece)),
        row("negative log-likelihood, nats ↓", ({ nll }) => fixed(nll, 4)),
        row("Brier score ↓", ({ brier }) => fixed(brier, 4)),
      ],
    },
  ];
}

const share = (value: number): string => (100 * value).toFixed(2);
const signed = (value: number): string => `${value >= 0 ? "+" : ""}${share(value)}`;
const rowName = ({ name, better, values }: MeasureSummary): string => {
  const counts = new Set(values.flatMap((value) => value?.count ?? []));
  return `${name}, ${[...counts].join(" / ")} images ${better === "higher" ? "↑" : "↓"}`;
};

function differenceBlocks({ models: [first, ...others], measures }: SuiteSummary): Block[] {
  const blocks = others.map((model, m): Block => {
    const rows = measures.flatMap((measure): TableCell[][] => {
      const difference = measure.differences[m + 1];
      if (difference === undefined) return [];
      const { value, low, high, mcNemar } = difference;
      const p: TableCell = mcNemar === undefined ? "" : { value: mcNemar.p, text: pValue(mcNemar.p) };
      const pairs = mcNemar === undefined ? "" : `${mcNemar.onlyFirst} / ${mcNemar.onlySecond}, ${mcNemar.form}`;
      return [[rowName(measure), { value, text: `${signed(value)} [${signed(low)}, ${signed(high)}]` }, p, pairs]];
    });
    return {
      kind: "table",
      caption:
        `${model.name} minus ${first.name}, in percentage points on the same images, with 95 % bootstrap intervals. McNemar's test ` +
        "counts the images that only the first, and only the second, of the two classifies correctly (first / second).",
      columns: ["", "difference", "p (McNemar)", "only one right, form of the test"],
      rows,
    };
  });
  return [
    { kind: "heading", text: "Differences" },
    {
      kind: "paragraph",
      text:
        "Two trainings of the same method differ too, so that a difference between methods can be shown only with several seeds of each. No correction is " +
        "made for the number of tests.",
    },
    ...blocks,
  ];
}

const pValue = (p: number): string => (p < 0.0001 ? "< 0.0001" : p.toFixed(4));

function seedBlocks({ groups, measures }: SeedSummary): Block[] {
  const rows = measures.map(({ name, better, values }): TableCell[] => [
    `${name} ${better === "higher" ? "↑" : "↓"}`,
    ...values.map((spread): TableCell => {
      if (spread === undefined) return "not measured";
      return { value: spread.mean, text: `${share(spread.mean)} ± ${share(spread.deviation)} (${spread.count})` };
    }),
  ]);
  const differences = groups.flatMap((group, g): Block[] => {
    const own = measures.flatMap((measure): TableCell[][] => {
      const difference = measure.differences[g];
      if (difference === undefined) return [];
      const { value, low, high, p, detectable, count } = difference;
      const interval = `${signed(value)} [${signed(low)}, ${signed(high)}]`;
      return [
        [measure.name, { value, text: interval }, { value: p, text: pValue(p) }, percent(detectable), fixed(count, 0)],
      ];
    });
    if (own.length === 0) return [];
    const caption =
      `${group.name} minus ${groups[0].name}, in percentage points, paired by seed: Student's 95 % interval and test, and the true ` +
      "difference that would have been detected with probability 0.8. Smaller differences can easily be missed.";
    return [{ kind: "table", caption, columns: ["", "difference", "p (paired t)", "detectable", "seeds"], rows: own }];
  });
  return [
    { kind: "heading", text: "Over seeds" },
    {
      kind: "table",
      caption: "Models that differ only in their seed, in percent: mean ± standard deviation (number of seeds).",
      columns: ["", ...groups.map(({ name }) => name)],
      rows,
    },
    ...differences,
  ];
}

/** A heat map for each model whose corruptions were measured. */
export function corruptionMaps(models: readonly ModelSummary[]): Block[] {
  const measured = models.filter(({ errors }) => errors.length > 0);
  if (measured.length === 0) return [];
  const full = Math.max(
    ...measured.flatMap(({ errors }) => errors.flatMap(({ bySeverity }) => bySeverity.map((e) => e ?? 0))),
  );
  return measured.map((model): Block => heatMap(model, full));
}

function heatMap({ name: model, errors, corruptionErrors }: ModelSummary, full: number): Block {
  const severities = SEVERITIES.filter((_, s) => errors.some(({ bySeverity }) => bySeverity[s] !== undefined));
  const extra = errors.map(({ corruption }) => corruption).filter((name) => !CORRUPTIONS.some((one) => one === name));
  const uncounted = corruptionErrors !== undefined && extra.length > 0;
  return {
    kind: "heat map",
    caption:
      `${model}: top-1 error in percent by corruption and severity; a stronger colour means a larger error. Severity is not a strict order.` +
      (uncounted ? ` Not counted in any mean over corruptions: ${extra.join(", ")}.` : ""),
    corner: "corruption",
    columns: [...severities.map(String), "mean"],
    rows: errors.map(({ corruption, bySeverity }) => {
      const found = bySeverity.filter((error) => error !== undefined);
      const mean = found.reduce((a, b) => a + b, 0) / found.length;
      return {
        name: corruption,
        cells: [...severities.map((severity) => bySeverity[severity - 1]), mean].map(
          (error): Quantity => (error === undefined ? { value: Number.NaN, text: "" } : percent(error, 1)),
        ),
      };
    }),
    full: full || 1,
  };
}

/** Accuracy over epsilon: a figure for each attack that was run with several epsilons. */
export function robustnessFigures(models: readonly ModelSummary[]): LineFigure[] {
  const kinds = new Set(models.flatMap(({ robustness }) => robustness.map(({ attack }) => attack)));
  return [...kinds].flatMap((kind): LineFigure[] => {
    const curves = models.flatMap(({ name, robustness }) => {
      const own = robustness.find(({ attack }) => attack === kind);
      return own === undefined ? [] : [{ name, ...own }];
    });
    const x = curves[0].points.map(({ epsilon }) => ({ value: 255 * epsilon, text: in255ths(epsilon) }));
    if (x.length < 3) return []; // a single point besides zero is not a curve; the table has it
    const series = curves.map(({ name, access, points }) => ({
      name: `${name}, ${access}`,
      y: points.map(({ accuracy }) => percent(accuracy)),
    }));
    return [
      {
        kind: "lines",
        caption: `Accuracy under ${kind} over epsilon, L-infinity, in percent`,
        xLabel: "epsilon",
        yLabel: "accuracy, %",
        x,
        series,
        full: 1,
      },
    ];
  });
}

function worstClasses({ name, classes }: ModelSummary): Block {
  const rank = ({ accuracy, corruptedAccuracy = 1 }: ClassSummary) => accuracy ?? corruptedAccuracy;
  const worst = classes
    .filter(({ count }) => count > 0)
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, WORST_CLASSES);
  const shown = (value: number | undefined): TableCell => (value === undefined ? "not measured" : percent(value, 1));
  const clean = worst.some(({ accuracy }) => accuracy !== undefined);
  return {
    kind: "table",
    caption: `${name}: the classes with the lowest ${clean ? "clean" : "corrupted"} accuracy, in percent`,
    columns: ["class", "images", "clean", "corrupted", "most often confused with"],
    rows: worst.map(({ name: label, count, accuracy, corruptedAccuracy, mistakenFor }) => [
      label,
      { value: count, text: String(count) },
      shown(accuracy),
      shown(corruptedAccuracy),
      mistakenFor === undefined
        ? clean
          ? "none"
          : "not measured"
        : `${mistakenFor.name} (${(100 * mistakenFor.share).toFixed(1)} %)`,
    ]),
  };
}

/** The reference of normalised errors, for the protocol. */
export const referenceRemark = (reference: string | undefined): string =>
  reference === undefined
    ? "none: the reference of an mCE is AlexNet for ImageNet's classes, else the first of several models if it has errors under every corruption"
    : reference === ALEXNET.name
      ? "AlexNet's errors on ImageNet-C, as published"
      : `${reference}, the first model; AlexNet is the reference only for ImageNet`;
