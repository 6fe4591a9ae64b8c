/**
 * What each kernel saves: a workload with all kernels, and without one or several of them, in turns within one run.
 *
 *     npm run build && node bench/kernels.mjs [--workloads NAME,NAME] [--kernels NAME,NAME+NAME] [--precision fp32] [--threads N] [--rounds 7]
 *
 * Without a kernel its operator calls libtorch's operators (ADVPROP_WITHOUT, native/README.md). `a+b` is both kernels together. Two processes
 * take turns: one with all kernels and one without some. A figure is the median over the rounds of the time without divided by
 * the time with all kernels. "unused" says that the workload does not call the kernel's operator. The first row compares all kernels with all
 * kernels, which shows the noise. The table is printed as Markdown. Run it on a quiet machine.
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { median } from "./contest.mjs";
import { startEngine } from "./contestant.mjs";
import { precise, table, times } from "./markdown.mjs";
import { EVALUATIONS, LAYERED_WORKLOADS, TINY_WORKLOADS, WORKLOADS } from "./workloads.mjs";

/** How rows of a profile name the operators of each kernel of native/profile/disabled_kernels.h. */
const OPERATORS = {
  "attack-step": /^advprop::(linf|l2)_step/,
  "batch-norm": /^advprop::batch_norm/,
  branch: /^advprop::branch/,
  "convolution-3x3": /^advprop::(conv2d 3x3($| \()|norm_relu_conv2d_3x3)/,
  depthwise: /^advprop::conv2d depthwise/,
  "first-convolution": /^advprop::conv2d \dx\d of images/,
  "gradient-norm": /^advprop::norm$/,
  "norm-relu-convolution": /^advprop::norm_relu_conv2d_3x3/,
  optimizer: /^advprop::(sgd|rmsprop|adamw)_/,
  "padding-shortcut": /^advprop::padding_shortcut/,
  pixels: /^advprop::(images_from|normalize)_pixels/,
  pointwise: /^advprop::conv2d 1x1($| \()/,
  "strided-convolution": /^advprop::conv2d \dx\d stride/,
  "weight-average": /^advprop::average_$/,
};

/** Small kernels that a network does not spend most of its time in. */
const SMALL = [
  "attack-step",
  "depthwise",
  "first-convolution",
  "gradient-norm",
  "optimizer",
  "pixels",
  "weight-average",
];

/** Kernels that may save something together that none of them saves alone. */
const TOGETHER = [["attack-step", "pixels"], ["gradient-norm", "optimizer", "weight-average"], SMALL];

const MEASURED = [
  "efficientnet-b0-128px-vanilla",
  "efficientnet-b0-128px-advprop",
  "efficientnet-b0-128px-evaluation",
  "efficientnet-lite0-128px-advprop",
  "resnet20-advprop",
  "resnet20-evaluation",
  "resnet18-cifar-advprop",
];

/** Time that one turn takes at least, so that a short step is measured several times. */
const TURN_MS = 400;

const { values } = parseArgs({
  options: {
    workloads: { type: "string", default: MEASURED.join(",") },
    kernels: { type: "string" },
    precision: { type: "string", default: "fp32" },
    threads: { type: "string", default: String(availableParallelism()) },
    rounds: { type: "string", default: "7" },
  },
});
const workloads = values.workloads.split(",").map(workloadOf);
/** Lists of kernels that are missing together; the first is empty, and shows by how much figures differ without a cause. */
const variants = [
  [],
  ...(values.kernels?.split(",").map((names) => names.split("+")) ?? [
    ...Object.keys(OPERATORS).map((name) => [name]),
    ...TOGETHER,
  ]),
];
for (const name of variants.flat()) {
  if (OPERATORS[name] === undefined) refuse(`no kernel named ${name}; there are ${Object.keys(OPERATORS).join(", ")}`);
}
const form = { precision: values.precision, threads: Number(values.threads) };
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) refuse(`--rounds must be a whole number from 1 on; got ${values.rounds}`);

const columns = [];
for (const workload of workloads) columns.push(await measure(workload));

console.log(
  table(
    ["without", ...workloads.map(({ name }) => name)],
    [
      ["(all kernels: ms a step)", ...columns.map(({ ms }) => precise(ms))],
      ...variants.map((names, i) => [labelOf(names), ...columns.map(({ ratios }) => ratios[i])]),
    ],
  ),
);
const date = new Date().toISOString().slice(0, 10);
console.log(`\n${date}, ${cpus()[0].model.trim()}, ${form.threads} threads, ${form.precision}, ${rounds} rounds.`);

/** A column of the table: the milliseconds of a step with all kernels, and for each variant the ratio or "unused". */
async function measure(workload) {
  const all = await ready(workload);
  const { rows } = await all.process.ask({ do: "profile" });
  const steps = [];
  const ratios = [];
  for (const names of variants) {
    const used = names.filter((kernel) => rows.some(({ name }) => OPERATORS[kernel].test(name)));
    if (used.length === 0 && names.length > 0) {
      ratios.push("unused");
      continue;
    }
    const without = await ready(workload, names);
    const turns = [];
    for (let round = 0; round < rounds; round++) {
      // Each goes first in every other round, so that neither gains by it.
      const order = round % 2 === 0 ? [all, without] : [without, all];
      const ms = new Map();
      for (const contestant of order) ms.set(contestant, await turn(contestant));
      steps.push(ms.get(all));
      turns.push(ms.get(without) / ms.get(all));
    }
    await without.process.end();
    ratios.push(times(median(turns)));
    console.error(`${workload.name}, without ${labelOf(names)}: ${ratios.at(-1)}`);
  }
  await all.process.end();
  return { ms: median(steps), ratios };
}

/** A process that is warm, and how many steps one of its turns takes. */
async function ready(workload, disabled = []) {
  const process = await startEngine(workload, form, { ADVPROP_WITHOUT: disabled.join(",") });
  await process.ask({ do: "warm-up" });
  const { ms } = await process.ask({ do: "steps", count: 1 });
  return { process, count: Math.max(1, Math.ceil(TURN_MS / ms[0])) };
}

/** The median time of a step in one turn, in milliseconds. */
async function turn({ process, count }) {
  const { ms } = await process.ask({ do: "steps", count });
  return median(ms);
}

function labelOf(names) {
  return names.join(" + ") || "nothing (noise)";
}

function workloadOf(name) {
  const known = [...WORKLOADS, ...LAYERED_WORKLOADS, ...EVALUATIONS, ...TINY_WORKLOADS];
  const workload = known.find((one) => one.name === name);
  return workload ?? refuse(`no workload named ${name}; there are ${known.map((one) => one.name).join(", ")}`);
}

function refuse(message) {
  console.error(`kernels: ${message}`);
  process.exit(2);
}
