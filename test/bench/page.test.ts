/** The page of the benchmark, from results that are made up. */
import { describe, expect, test } from "vitest";

const script = (name: string) => import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);
const { contest } = await script("contest");
const { performancePage } = await script("performance-page");
const { leastTraffic, roofline } = await script("roofline");

const row = { calls: 1, ms: 1, flops: 0, readBytes: 0, writtenBytes: 0, convolution: false };
const profile = {
  ms: 10,
  flops: 4e9,
  convolutionShare: 0.75,
  rows: [
    { ...row, name: "aten::conv2d 1x1", ms: 6, flops: 4e9, readBytes: 3e6, writtenBytes: 5e6, convolution: true },
    { ...row, name: "advprop::conv2d depthwise 3x3", ms: 1.5, readBytes: 2e6, writtenBytes: 1e6 },
    { ...row, name: "aten::convolution_backward 1x1 (both gradients)", readBytes: 9e9, writtenBytes: 9e9 },
  ],
};
const form = { threads: 2, turns: [1], stepsInTurn: 1, warmUpSteps: 2, minorFaultsPerStep: 3, peakMB: 50 };
const workload = {
  ...{ name: "efficientnet-b0-128px-advprop", model: "efficientnet-b0", method: "advprop" },
  ...{ batchSize: 16, imageSize: 128, attackSteps: 5, notes: [] },
  screening: [{ precision: "fp32", threads: 2, allocator: "default", ms: 43 }],
  forms: [
    { ...form, by: "advprop", precision: "fp32", msPerStep: 20, profile },
    { ...form, by: "advprop", precision: "bf16", msPerStep: 10, profile },
    { ...form, by: "pytorch", precision: "fp32", msPerStep: 42, allocator: "jemalloc", peakMB: 100 },
    { ...form, by: "pytorch", precision: "bf16", msPerStep: 60, allocator: "default", peakMB: 100 },
  ],
};
const vanilla = {
  ...workload,
  ...{ name: "efficientnet-b0-128px-vanilla", method: "vanilla", attackSteps: 0 },
  forms: workload.forms.map((one) => ({ ...one, msPerStep: one.msPerStep / 5 })),
};
const peaks = [{ threads: 2, fp32: 400, bf16: 800, bandwidth: 50 }];

describe("the performance page", () => {
  const page = performancePage(
    {
      ...{ date: "2026-01-02", minutes: 3, peaks, workloads: [workload, vanilla] },
      machine: { processor: "Processor", cores: 2, memoryGB: 16 },
      versions: { advprop: "0.1.0", node: "20", libtorch: "1.13.0", pytorch: "1.13.0" },
      growth: [
        {
          by: "threads",
          model: "m",
          batchSize: 4,
          imageSize: 8,
          threads: 1,
          precision: "fp32",
          msPerStep: 8,
          peakMB: 9,
        },
      ],
    },
    "bench/results/FILE.json",
  );

  test("compares each precision with PyTorch's of the same, and with its best of all", () => {
    expect(page).toContain(
      "| efficientnet-b0-128px-advprop | fp32 | 20.0 | 42.0 | 2.10x | 2.10x | 200 | 50 % | 75 % | 50 / 100 | 3 / 3 |",
    );
    expect(page).toContain(
      "| efficientnet-b0-128px-advprop | bf16 | 10.0 | 60.0 | 6.00x | 4.20x | 400 | 50 % | 75 % | 50 / 100 | 3 / 3 |",
    );
  });

  test("says of each wanted figure whether it was reached", () => {
    const lines = [
      "| speed, both at their best | efficientnet-b0-128px-advprop | at least 4x | 4.20x | yes |",
      "| speed, fp32 | efficientnet-b0-128px-advprop | at least 2.5x | 2.10x | no |",
      "| peak memory, both at their best | efficientnet-b0-128px-vanilla | at most 0.7x | 0.50x | yes |",
      "| page faults per step | efficientnet-b0-128px-advprop | under 100 | 3 | yes |",
      "| AdvProp step over vanilla step | efficientnet-b0-128px-advprop | at most 5.4x | 5.00x | yes |",
    ];
    for (const line of lines) expect(page).toContain(line);
  });

  test("lists operators, growth and every form of PyTorch", () => {
    expect(page).toContain("| `aten::conv2d 1x1` | 1 | 6.0 | 60 % | 667 | 1 |");
    expect(page).toContain("| outside of operators |  | 1.5 | 15 % |  |  |");
    expect(page).toContain("| m | 4 | 8 | 1 | 8.00 | 2.00 | 9 |");
    expect(page).toContain("| efficientnet-b0-128px-advprop | pytorch, fp32, 2 threads, default | 43.0 |");
  });

  test("the least traffic is that of the forward convolutions recorded in ordinary training", () => {
    const [read, written, gated] = [5e6, 6e6, 1e6];
    const bytes = 5 * (2 * read + 7 * written + 6 * gated) + 2 * (3 * read + 11 * written + 6 * gated);
    expect(leastTraffic(workload, { profile })).toBeCloseTo(bytes, 3);
    const { arithmeticMs, trafficMs } = roofline(workload, workload.forms[1], { profile }, peaks);
    expect(arithmeticMs).toBeCloseTo(5, 9);
    expect(trafficMs).toBeCloseTo(bytes / 50e6, 9);
  });
});

test("a contest of the engine with itself", async () => {
  const tiny = { name: "tiny", model: "resnet8", method: "vanilla", batchSize: 4, imageSize: 16, attackSteps: 0 };
  const said: string[] = [];
  const { forms, screening, notes } = await contest(tiny, {
    ...{ python: undefined, threads: [1], precisions: ["fp32", "fp8"], rounds: 2 },
    say: (line: string) => said.push(line),
  });
  expect(screening).toEqual([]);
  expect(notes).toEqual([expect.stringMatching(/^advprop at fp8: .*precision must be/)]);
  expect(forms).toHaveLength(1);
  expect(forms[0]).toMatchObject({
    by: "advprop",
    precision: "fp32",
    threads: 1,
    turns: [expect.any(Number), expect.any(Number)],
  });
  expect(forms[0].profile.flops).toBeGreaterThan(0);
  expect(said[0]).toMatch(/^ {2}advprop, fp32, 1 threads +[\d.]+ ms per step/);
});
