/** Measures a workload of the benchmark, and describes the result as text. */
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { engineInfo, type ProfileRow } from "../../tensor/index.js";
import { type StepProfile, Workload } from "./workload.js";

/** What `advprop bench --json` prints. */
export interface Measurement {
  readonly model: string;
  readonly method: string;
  readonly batchSize: number;
  readonly imageSize: number;
  readonly attackSteps: number;
  readonly precision: string;
  readonly threads: number;
  readonly torch: string;
  readonly warmUpSteps: number;
  readonly repeats: number;
  /** Median over the repeats. */
  readonly msPerStep: number;
  /** Images of the mini-batch per second. Each image counts once, however many passes the method makes over it. */
  readonly imagesPerSecond: number;
  /** Billions of floating-point operations per second, of convolutions and matrix products only. */
  readonly gflops: number;
  readonly gigaflopsPerStep: number;
  /** Peak memory of the process minus its memory before the network was made, in 10^6 bytes. */
  readonly peakMB: number;
  /** Mean over the repeats. */
  readonly minorFaultsPerStep: number;
  readonly convolutionShare: number;
  /** Why steps ran without a CUDA graph on a GPU that has them, which is slower; undefined otherwise. */
  readonly graphRefusal?: string;
}

/** Warms up, times `repeats` updates, and profiles one more. */
export async function measure(
  recipe: ResolvedRecipe,
  repeats: number,
): Promise<Measurement & { readonly profile: StepProfile }> {
  const workload = await Workload.open(recipe);
  const warmUpSteps = workload.warmUp();
  const times = Array.from({ length: repeats }, () => workload.step());
  const { peakBytes, graphRefusal } = workload;
  const profile = workload.profile();
  const msPerStep = median(times.map(({ ms }) => ms));
  return {
    model: recipe.model,
    method: recipe.method,
    batchSize: workload.batchSize,
    imageSize: workload.imageSize,
    attackSteps: workload.attackSteps,
    precision: recipe.precision,
    threads: engineInfo().threads,
    torch: engineInfo().torch,
    warmUpSteps,
    repeats,
    msPerStep: round(msPerStep),
    imagesPerSecond: round((1000 * workload.batchSize) / msPerStep),
    gflops: round(profile.flops / msPerStep / 1e6),
    gigaflopsPerStep: profile.flops / 1e9,
    peakMB: round(peakBytes / 1e6),
    minorFaultsPerStep: round(times.reduce((sum, { minorFaults }) => sum + minorFaults, 0) / repeats),
    convolutionShare: round(profile.convolutionShare),
    ...(graphRefusal !== undefined && { graphRefusal }),
    profile,
  };
}

/** A measurement as lines of text. */
export function summary(measured: Measurement): string {
  const { model, method, batchSize, imageSize, attackSteps, precision, threads, graphRefusal } = measured;
  const attack = attackSteps === 0 ? "" : `, ${attackSteps} attack steps`;
  const rows = [
    [
      "ms per step",
      `${measured.msPerStep} (median of ${measured.repeats}, after ${measured.warmUpSteps} warm-up steps)`,
    ],
    ["images per second", measured.imagesPerSecond],
    ["GFLOP/s", `${measured.gflops} (${measured.gigaflopsPerStep.toFixed(2)} GFLOP per step)`],
    ["peak memory", `${measured.peakMB} MB`],
    ["minor faults per step", measured.minorFaultsPerStep],
    ["in convolutions", `${(100 * measured.convolutionShare).toFixed(1)} %`],
    ...(graphRefusal === undefined ? [] : ([["no CUDA graph", graphRefusal]] as const)),
  ] as const;
  return [
    `${method} of ${model}, ${batchSize} images of ${imageSize} px${attack}, ${precision}, ${threads} threads`,
    ...rows.map(([name, value]) => `  ${name.padEnd(22)}${value}`),
  ].join("\n");
}

/** Rows of a profile whose share of the time is below this are joined in one line. */
const SMALLEST_SHARE = 0.002;

/** A profile as a table: what takes the time, how often it runs, and how fast it is. */
export function profileTable({ ms, rows }: StepProfile): string {
  const shown = rows.filter((row) => row.ms >= SMALLEST_SHARE * ms);
  const rest = rows.slice(shown.length).reduce((sum, row) => sum + row.ms, 0);
  const outside = ms - rows.reduce((sum, row) => sum + row.ms, 0);
  const line = (name: string, calls: string, time: number, speed: string) => [
    name,
    calls,
    time.toFixed(1),
    `${((100 * time) / ms).toFixed(1)} %`,
    speed,
  ];
  const cells = [
    ["operator", "calls", "ms", "share", "speed"],
    ...shown.map((row) => line(row.name, String(row.calls), row.ms, speed(row))),
    line("other operators", String(rows.length - shown.length), rest, ""),
    line("outside of operators", "", outside, ""),
    line("one step, while profiling", "", ms, ""),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "))
    .join("\n");
}

/** GFLOP/s of convolutions and matrix products, and GB/s of memory traffic of other operators; empty if not known. */
function speed({ ms, flops, readBytes, writtenBytes }: ProfileRow): string {
  const bytes = readBytes + writtenBytes;
  const arithmetic = flops > bytes;
  const rate = (arithmetic ? flops : bytes) / ms / 1e6;
  if (rate === 0) return "";
  return `${rate.toFixed(rate < 10 ? 1 : 0)} ${arithmetic ? "GFLOP/s" : "GB/s"}`;
}

/** Four significant digits: a timing is not more precise. */
const round = (value: number): number => Number(value.toPrecision(4));

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
