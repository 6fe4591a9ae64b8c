/** ADVPROP_WITHOUT makes an operator call libtorch's operators in the place of its kernel. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ENGINE, runScript } from "../../support/script.js";

/** A depthwise convolution, the sum of its result's squares, and the gradient of its input; then which kernels of it were run. */
const SOURCE = `
  import { fromArray, gradientOf, profile } from ${JSON.stringify(ENGINE)};
  import { channelsLast, conv2d, mul, sum } from ${JSON.stringify(ENGINE.replace("index.js", "operators.js"))};
  const numbers = (count) => Array.from({ length: count }, (_, i) => Math.sin(i));
  const x = channelsLast(fromArray(numbers(2 * 64 * 25), [2, 64, 5, 5])).requireGradient();
  const weight = fromArray(numbers(64 * 9), [64, 1, 3, 3]);
  let gradient;
  const { rows } = profile(() => {
    const y = conv2d(x, weight, { padding: 1, groups: 64 });
    gradient = gradientOf(sum(mul(y, y)), x).toNumbers();
  });
  const kernels = rows.map(({ name }) => name).filter((name) => name.startsWith("advprop::conv2d depthwise 3x3 ("));
  console.log(JSON.stringify({ gradient, kernels }));
`;

function run(without: string): { gradient: number[]; kernels: string[] } {
  const { stdout, stderr } = runScript(SOURCE, { ADVPROP_WITHOUT: without });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

test("the operator gives the same without its kernel", () => {
  const [kernel, other, without] = ["", "pixels,optimizer", "pixels,depthwise"].map(run);
  expect(kernel.kernels.length).toBeGreaterThan(0);
  expect(other).toEqual(kernel);
  expect(without.kernels).toEqual([]);
  const largest = Math.max(...kernel.gradient.map(Math.abs));
  kernel.gradient.forEach((value, i) => {
    expect(Math.abs(without.gradient[i] - value)).toBeLessThan(1e-5 * largest);
  });
});

test("an unknown name is refused with all names, which are those that the benchmark knows", () => {
  const { status, stderr } = runScript(SOURCE, { ADVPROP_WITHOUT: "depthwise,depthwize" });
  expect(status).not.toBe(0);
  const [, names] =
    /ADVPROP_WITHOUT must name kernels, separated by commas without spaces: (.*); got depthwize/.exec(stderr) ?? [];
  const script = fileURLToPath(new URL("../../../bench/kernels.mjs", import.meta.url));
  const bench = spawnSync(process.execPath, [script, "--kernels", "depthwize"], { encoding: "utf8" });
  expect(bench.status).toBe(2);
  expect(bench.stderr).toBe(`kernels: no kernel named depthwize; there are ${names}\n`);
});
