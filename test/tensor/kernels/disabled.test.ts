/** ADVPROP_WITHOUT makes an operator call libtorch's operators in the place of its kernel. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ENGINE, runScript } from "../../support/script.js";

/** The affine layer, the sum of its result's squares, and the gradient of its input; then which kernels of it were run. */
const SOURCE = `
  import { fromArray, gradientOf, profile } from ${JSON.stringify(ENGINE)};
  import { linear } from ${JSON.stringify(ENGINE.replace("index.js", "layers.js"))};
  import { mul, sum } from ${JSON.stringify(ENGINE.replace("index.js", "operators.js"))};
  const numbers = (count) => Array.from({ length: count }, (_, i) => Math.sin(i));
  const x = fromArray(numbers(2 * 64), [2, 64]).requireGradient();
  const [weight, bias] = [fromArray(numbers(3 * 64), [3, 64]), fromArray(numbers(3), [3])];
  let gradient;
  const { rows } = profile(() => {
    const y = linear(x, weight, bias);
    gradient = gradientOf(sum(mul(y, y)), x).toNumbers();
  });
  const kernels = rows.map(({ name }) => name).filter((name) => name.startsWith("advprop::linear ("));
  console.log(JSON.stringify({ gradient, kernels }));
`;

function run(without: string): { gradient: number[]; kernels: string[] } {
  const { stdout, stderr } = runScript(SOURCE, { ADVPROP_WITHOUT: without });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

test("the operator gives the same without its kernel", () => {
  const [kernel, other, without] = ["", "depthwise,pixels", "depthwise,linear"].map(run);
  expect(kernel.kernels).toEqual(["advprop::linear (input gradient)"]);
  expect(other).toEqual(kernel);
  expect(without.kernels).toEqual([]);
  const largest = Math.max(...kernel.gradient.map(Math.abs));
  kernel.gradient.forEach((value, i) => {
    expect(Math.abs(without.gradient[i] - value)).toBeLessThan(1e-5 * largest);
  });
});

test("an unknown name is refused with all names, which are those that the benchmark knows", () => {
  const { status, stderr } = runScript(SOURCE, { ADVPROP_WITHOUT: "linear,linaer" });
  expect(status).not.toBe(0);
  const [, names] =
    /ADVPROP_WITHOUT must name kernels, separated by commas without spaces: (.*); got linaer/.exec(stderr) ?? [];
  const script = fileURLToPath(new URL("../../../bench/kernels.mjs", import.meta.url));
  const bench = spawnSync(process.execPath, [script, "--kernels", "linaer"], { encoding: "utf8" });
  expect(bench.status).toBe(2);
  expect(bench.stderr).toBe(`kernels: no kernel named linaer; there are ${names}\n`);
});
