/** The figures that were set out to be reached, and what was measured. */
import { table, times } from "./markdown.mjs";
import { bestForm } from "./roofline.mjs";

/** How often the engine is faster than PyTorch: at one precision each, or both at their best. */
function speed(workload, precision) {
  const [ours, theirs] = ["advprop", "pytorch"].map((by) => bestForm(workload, by, precision));
  return ours && theirs && theirs.msPerStep / ours.msPerStep;
}

/** Of both at their fastest, the engine's as a share of PyTorch's. */
function memory(workload) {
  const [ours, theirs] = ["advprop", "pytorch"].map((by) => bestForm(workload, by));
  return ours && theirs && ours.peakMB / theirs.peakMB;
}

const atLeast = (figure) => ({ text: `at least ${figure}x`, met: (value) => value >= figure });
const atMost = (figure) => ({ text: `at most ${figure}x`, met: (value) => value <= figure });

/** [what, workload, wanted, value, how it is written] for each workload that was measured. */
function figures(workloads) {
  const find = (name) => workloads.find((workload) => workload.name === name);
  const rows = [];
  const add = (what, workload, wanted, value, write = times) => {
    if (value !== undefined)
      rows.push([what, workload.name, wanted.text, write(value), wanted.met(value) ? "yes" : "no"]);
  };
  for (const size of ["128px", "224px"]) {
    const b0 = find(`efficientnet-b0-${size}-advprop`);
    if (b0 === undefined) continue;
    add("speed, both at their best", b0, atLeast(4), speed(b0));
    add("speed, fp32", b0, atLeast(2.5), speed(b0, "fp32"));
  }
  const resnet18 = find("resnet18-cifar-advprop");
  if (resnet18 !== undefined) {
    add("speed, bf16", resnet18, atLeast(1.1), speed(resnet18, "bf16"));
    add("speed, fp32", resnet18, atLeast(1.08), speed(resnet18, "fp32"));
    const share = bestForm(resnet18, "advprop")?.profile.convolutionShare;
    const wanted = { text: "at least 90 %", met: (value) => value >= 0.9 };
    add("time in convolutions", resnet18, wanted, share, (value) => `${(100 * value).toFixed(1)} %`);
  }
  const resnet20 = find("resnet20-advprop");
  if (resnet20 !== undefined) add("speed, both at their best", resnet20, atLeast(1.8), speed(resnet20));
  for (const workload of workloads) {
    add("peak memory, both at their best", workload, atMost(0.7), memory(workload));
    const wanted = { text: "under 100", met: (value) => value < 100 };
    add("page faults per step", workload, wanted, bestForm(workload, "advprop")?.minorFaultsPerStep, String);
  }
  for (const advprop of workloads.filter(({ name }) => /^(efficientnet|resnet18).*-advprop$/.test(name))) {
    const [step, vanilla] = [advprop, find(advprop.name.replace("-advprop", "-vanilla"))].map(
      (workload) => workload && bestForm(workload, "advprop")?.msPerStep,
    );
    add("AdvProp step over vanilla step", advprop, atMost(5.4), step && vanilla && step / vanilla);
  }
  return rows;
}

export const wantedTable = ({ workloads }) =>
  table(["what", "workload", "target", "measured", "reached"], figures(workloads));
