/**
 * From a file of results to docs/performance.md:
 *
 *     node bench/performance-page.mjs bench/results/FILE.json > docs/performance.md
 */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { nameOf } from "./contest.mjs";
import { percent, precise, table, times, whole } from "./markdown.mjs";
import { bestForm, gflops, peakOf, roofline } from "./roofline.mjs";
import { wantedTable } from "./wanted.mjs";

/** Operators of a profile that are listed. */
const LISTED = 14;

/** The whole page. @param source the path of the results, as it is cited */
export function performancePage(result, source) {
  const sections = [
    heading(result, source),
    "## Against PyTorch",
    COMPARISON,
    comparisonTable(result),
    ...notes(result),
    "## Targets",
    wantedTable(result),
    "## Rooflines",
    ROOFLINE,
    rooflineTable(result),
    "## Where the time goes",
    PROFILE,
    ...result.workloads.flatMap((workload) => profileSection(workload)),
    ...growthSections(result.growth),
    ...screeningSections(result),
  ];
  return `${sections.join("\n\n")}\n`;
}

function heading({ date, machine, versions, minutes, peaks }, source) {
  const { processor, cores, memoryGB } = machine;
  const peakRows = peaks.map((p) => [String(p.threads), whole(p.fp32), whole(p.bf16), whole(p.bandwidth)]);
  return `# Performance

Written by \`npm run bench\` from \`${source}\`: measured on ${date} within ${minutes.toFixed(0)} minutes on one machine,
${processor}, ${cores} cores, ${memoryGB} GB of memory. advprop ${versions.advprop} on libtorch ${versions.libtorch} and Node.js ${versions.node};
PyTorch ${versions.pytorch ?? "was not installed"}. Times differ from machine to machine and from day to day. The ratios compare
programs that were measured alternately.

The highest speed of this machine in the same run, in a large matrix product or dense convolution, and in a triad over large
arrays:

${table(["threads", "fp32 GFLOP/s", "bf16 GFLOP/s", "GB/s"], peakRows)}`;
}

const COMPARISON = `A step is one update of the weights on random images: attack, training passes, optimiser. advprop and PyTorch are measured
alternately, in several rounds. \`ms\` is the median of the rounds.

PyTorch is \`bench/pytorch_peer.py\`, the same algorithm. It has several configurations (1 thread or all, system allocator or tuned
jemalloc). The fastest configuration of each precision is in the table. \`ratio\` compares with PyTorch at the same precision,
\`to its best\` with its fastest configuration of all. A ratio above 1 means that advprop is faster. Memory is the highest memory
of the process minus its memory before the network was made. \`faults\` are page faults per step.`;

function comparisonTable({ workloads, peaks }) {
  const rows = workloads.flatMap((workload) =>
    workload.forms
      .filter(({ by }) => by === "advprop")
      .map((form) => {
        const same = bestForm(workload, "pytorch", form.precision);
        const best = bestForm(workload, "pytorch");
        const peak = peakOf(peaks, form)[form.precision];
        return [
          workload.name,
          form.precision,
          precise(form.msPerStep),
          same === undefined ? "-" : precise(same.msPerStep),
          ratio(same, form),
          ratio(best, form),
          whole(gflops(form)),
          percent(gflops(form) / peak),
          percent(form.profile.convolutionShare),
          `${whole(form.peakMB)} / ${same === undefined ? "-" : whole(same.peakMB)}`,
          `${whole(form.minorFaultsPerStep)} / ${same === undefined ? "-" : whole(same.minorFaultsPerStep)}`,
        ];
      }),
  );
  return table(
    [
      "workload",
      "precision",
      "ms",
      "PyTorch ms",
      "ratio",
      "to its best",
      "GFLOP/s",
      "of peak",
      "in convolutions",
      "memory MB, ours / PyTorch",
      "faults, ours / PyTorch",
    ],
    rows,
  );
}

/** How often `ours` is faster than `theirs`, where there is such a form. */
const ratio = (theirs, ours) => (theirs === undefined ? "-" : times(theirs.msPerStep / ours.msPerStep));

/** What could not be measured. */
const notes = ({ workloads }) => {
  const lines = workloads.flatMap(({ name, notes: said }) => said.map((note) => `* ${name}: ${note}`));
  return lines.length === 0 ? [] : [`Not measured:\n\n${lines.join("\n")}`];
};

const ROOFLINE = `The table gives two lower limits for the time of a step. \`arithmetic ms\` is the time of the arithmetic alone at the measured peak.
\`traffic ms\` is the time of the least memory traffic alone at the measured bandwidth. It assumes that convolutions, norms with
their activation, and squeeze and excitation each pass over their tensors as rarely as their formulas allow
(\`bench/roofline.mjs\` has the count). The next columns give the share of each peak that the measured step reached.

A step can be faster than the longer limit only if it does less work. There are three ways: Winograd's form of the 3x3
convolution takes a quarter of the multiplications of the direct sum (all counts here are of the direct sum), neighbouring
operators share a pass over memory, or tensors stay in the caches.`;

/** The form of the same threads and precision of the workload that trains the same network without an attack. */
const ordinaryForm = (workloads, { name }, { by, precision, threads }) =>
  workloads
    .find((workload) => workload.name === name.replace("-advprop", "-vanilla"))
    ?.forms.find((form) => form.by === by && form.precision === precision && form.threads === threads);

function rooflineTable({ workloads, peaks }) {
  const rows = workloads.flatMap((workload) =>
    workload.forms
      .filter(({ by }) => by === "advprop")
      .flatMap((form) => {
        const ordinary = ordinaryForm(workloads, workload, form);
        if (ordinary === undefined) return [];
        const { arithmeticMs, bytes, trafficMs } = roofline(workload, form, ordinary, peaks);
        return [
          [
            workload.name,
            form.precision,
            (form.profile.flops / 1e9).toFixed(1),
            precise(arithmeticMs),
            (bytes / 1e9).toFixed(1),
            precise(trafficMs),
            precise(form.msPerStep),
            percent(arithmeticMs / form.msPerStep),
            percent(trafficMs / form.msPerStep),
            (form.msPerStep / Math.max(arithmeticMs, trafficMs)).toFixed(2),
          ],
        ];
      }),
  );
  return table(
    [
      "workload",
      "precision",
      "GFLOP",
      "arithmetic ms",
      "GB",
      "traffic ms",
      "measured ms",
      "of the arithmetic",
      "of the bandwidth",
      "times the longer",
    ],
    rows,
  );
}

const PROFILE = `These are profiles of one step at the faster precision (\`advprop bench --profile\` makes such a table). The time of an operator
includes the operators that it calls, except convolutions and our own kernels.`;

function profileSection(workload) {
  const form = bestForm(workload, "advprop");
  if (form === undefined) return [];
  const { ms, rows } = form.profile;
  const rest = rows.slice(LISTED).reduce((sum, row) => sum + row.ms, 0);
  const outside = ms - rows.reduce((sum, row) => sum + row.ms, 0);
  const share = (value) => [value.toFixed(1), percent(value / ms)];
  return [
    `### ${workload.name}, ${form.precision}`,
    table(
      ["operator", "calls", "ms", "share", "GFLOP/s", "GB/s"],
      [
        ...rows.slice(0, LISTED).map(({ name, calls, ms: own, flops, readBytes, writtenBytes }) => {
          const bytes = readBytes + writtenBytes;
          return [
            `\`${name}\``,
            String(calls),
            ...share(own),
            flops > 0 ? whole(flops / own / 1e6) : "",
            bytes > 0 ? whole(bytes / own / 1e6) : "",
          ];
        }),
        ["other operators", "", ...share(rest), "", ""],
        ["outside of operators", "", ...share(outside), "", ""],
      ],
    ),
  ];
}

function growthSections(growth) {
  if (growth.length === 0) return [];
  const kinds = [...new Set(growth.map(({ by }) => by))];
  return [
    "## How cost grows",
    `AdvProp with PGD-5, ${growth[0].precision}, each row in its own process.`,
    ...kinds.map((kind) =>
      table(
        [`by ${kind}`, "images", "px", "threads", "ms per step", "ms per image", "memory MB"],
        growth
          .filter(({ by }) => by === kind)
          .map(({ model, batchSize, imageSize, threads, msPerStep, peakMB }) => [
            model,
            String(batchSize),
            String(imageSize),
            String(threads),
            precise(msPerStep),
            precise(msPerStep / batchSize),
            whole(peakMB),
          ]),
      ),
    ),
  ];
}

function screeningSections({ workloads }) {
  const rows = workloads.flatMap(({ name, screening }) =>
    screening.map(({ ms, over, ...form }) => [
      name,
      nameOf({ by: "pytorch", ...form }),
      ms === undefined ? `over ${whole(over)}` : precise(ms),
    ]),
  );
  if (rows.length === 0) return [];
  const text = `Each time is that of the faster of two steps after one warm-up step, or of one step if a step takes long. If the first step of a
configuration takes longer than three steps of the fastest one, this precision is not measured further. The fastest configuration
of each precision is in the first table.`;
  return ["## Every configuration of PyTorch", text, table(["workload", "configuration", "ms"], rows)];
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const path = process.argv[2];
  process.stdout.write(performancePage(JSON.parse(readFileSync(path, "utf8")), path));
}
