/** What the measurements of a workload say: its best forms, and the least that the machine would need for it. */

/** The form with the shortest step. */
export const fastest = (forms) =>
  forms.length === 0 ? undefined : forms.reduce((a, b) => (b.msPerStep < a.msPerStep ? b : a));

/** The fastest form of a contestant ("advprop" or "pytorch"), at one precision or at any; undefined for none. */
export const bestForm = ({ forms }, by, precision) =>
  fastest(forms.filter((form) => form.by === by && (precision === undefined || form.precision === precision)));

/**
 * Of the seen peaks, that of as many threads as a form has. Numbers of bfloat16 can be multiplied as float32 too, which is what is fast where the processor has no instructions for them.
 */
export function peakOf(peaks, { threads }) {
  const peak = peaks.find((one) => one.threads === threads) ?? peaks.at(-1);
  return { ...peak, bf16: Math.max(peak.bf16, peak.fp32) };
}

export const gflops = ({ profile, msPerStep }) => profile.flops / msPerStep / 1e6;

const isForward = (name) =>
  /^(aten::conv2d|aten::convolution|advprop::\w*conv2d\w*)( |$)/.test(name) && !name.includes("gradient");

/**
 * The least bytes that a step moves where each convolution, each norm with its activation and each squeeze and
 * excitation passes over its tensors as rarely as its formula allows, and no two of them share a pass. With I and O the
 * bytes that all convolutions of one forward pass read and write, and D those that depthwise ones write (which squeeze and
 * excitation follows):
 *
 *     forward    convolution I + O; norm 2 O, by batch statistics 3 O; squeeze and excitation 3 D
 *     backward   norm 3 O, by batch statistics 5 O; input gradient O + I, weight gradient O + I; squeeze and excitation 3 D
 *
 * An attack's gradient takes 2 I + 7 O + 6 D, a training pass 3 I + 11 O + 6 D. I and O are those of the calls recorded in a
 * step of ordinary training, one pass whose convolutions have rows of their own.
 */
export function leastTraffic({ method, attackSteps }, { profile }) {
  const trainingPasses = method === "advprop" ? 2 : 1;
  const forward = profile.rows.filter(({ name }) => isForward(name));
  const sum = (rows, key) => rows.reduce((total, row) => total + row[key], 0);
  const depthwise = forward.filter(({ name }) => name.includes("depthwise"));
  const [read, written] = [sum(forward, "readBytes"), sum(forward, "writtenBytes")];
  const gated = sum(depthwise, "writtenBytes");
  return attackSteps * (2 * read + 7 * written + 6 * gated) + trainingPasses * (3 * read + 11 * written + 6 * gated);
}

/**
 * Milliseconds that the arithmetic alone and the memory traffic alone would take at the seen peaks. `ordinary` is the same
 * network's form in ordinary training.
 */
export function roofline(workload, form, ordinary, peaks) {
  const peak = peakOf(peaks, form);
  const bytes = leastTraffic(workload, ordinary);
  return {
    arithmeticMs: form.profile.flops / peak[form.precision] / 1e6,
    bytes,
    trafficMs: bytes / peak.bandwidth / 1e6,
  };
}
