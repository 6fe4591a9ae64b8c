/** The allocator: counts, limit, cache, and results that do not depend on where a tensor lies. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { pgd } from "../../src/attacks/pgd.js";
import { linf } from "../../src/attacks/threat-model.js";
import { RunError } from "../../src/errors.js";
import { labelsTensor } from "../../src/models/pixels.js";
import { createClassifier } from "../../src/models/registry.js";
import { Sgd } from "../../src/optim/sgd.js";
import {
  call,
  engineInfo,
  fromArray,
  GradientStore,
  memoryStats,
  releaseCachedMemory,
  resetPeakMemory,
  scope,
  setMemoryLimit,
  setThreads,
  type Tensor,
} from "../../src/tensor/index.js";
import { full, keyedUniform, sum } from "../../src/tensor/operators.js";
import { advPropStep } from "../../src/training/methods/advprop.js";
import { callUntyped } from "../support/call.js";
import { codedError, error } from "../support/errors.js";

const MB = 2 ** 20;
const bytes = (count: number) => full([count], 1, "uint8");
const largest = (x: Tensor) => callUntyped("aten::max", [x]).item();

afterEach(() => setMemoryLimit(0));

describe("memoryStats", () => {
  test("counts each tensor in whole lines of 64 bytes, and its end", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 30 }), (sizes) => {
        const before = memoryStats();
        scope(() => {
          let expected = before.liveBytes;
          for (const size of sizes) {
            bytes(size);
            const { liveBytes } = memoryStats();
            expect((liveBytes - expected) % 64).toBe(0);
            expect(liveBytes - expected).toBeGreaterThanOrEqual(size);
            // A remainder too small to be of use stays with its tensor.
            expect(liveBytes - expected).toBeLessThan(size + 64 + 64 + 256);
            expected = liveBytes;
          }
        });
        expect(memoryStats().liveBytes).toBe(before.liveBytes);
        expect(memoryStats().liveTensors).toBe(before.liveTensors);
      }),
    );
  });

  test("the peak is the most at once since it was reset", () => {
    releaseCachedMemory();
    const base = memoryStats().liveBytes;
    resetPeakMemory();
    expect(memoryStats().peakBytes).toBe(base);
    scope(() => bytes(8 * MB).dispose());
    scope(() => bytes(3 * MB).dispose());
    expect(memoryStats().peakBytes - base).toBe(8 * MB);
    resetPeakMemory();
    expect(memoryStats().peakBytes).toBe(base);
  });

  test("views share, and the last one frees", () => {
    const base = memoryStats().liveBytes;
    const whole = bytes(MB);
    const view = call("aten::slice.Tensor", [whole, 0, 0, 10]);
    whole.dispose();
    expect(memoryStats().liveBytes - base).toBe(MB);
    view.dispose();
    expect(memoryStats().liveBytes).toBe(base);
  });
});

describe("the cache", () => {
  test("is used again, and given back on request", () => {
    releaseCachedMemory();
    const { reservedBytes } = memoryStats();
    for (let i = 0; i < 20; i++) bytes(100 * MB).dispose();
    const cached = memoryStats().reservedBytes;
    expect(cached - reservedBytes).toBeGreaterThanOrEqual(100 * MB);
    expect(cached - reservedBytes).toBeLessThan(110 * MB);
    releaseCachedMemory();
    expect(memoryStats().reservedBytes).toBe(reservedBytes);
  });

  /** Neighbouring free parts are joined: any order of freeing leaves room for one tensor of the whole size. */
  test("joins what is freed, in any order", () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 });
    fc.assert(
      fc.property(order, (places) => {
        releaseCachedMemory();
        const parts = places.map(() => bytes(6 * MB));
        const { reservedBytes } = memoryStats();
        for (const place of places) parts[place].dispose();
        bytes(28 * MB).dispose();
        expect(memoryStats().reservedBytes).toBe(reservedBytes);
      }),
      { numRuns: 30 },
    );
  });
});

describe("giving back", () => {
  /** Tensors of sizes around huge pages, freed in any order with caches given back in between. */
  test("touches no tensor, and what is given back is used again within the limit", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 5 * MB }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.boolean()), (all, coins) => {
        releaseCachedMemory();
        const { reservedBytes, liveBytes } = memoryStats();
        // A block and the pages of its ends may count twice.
        setMemoryLimit(reservedBytes + all.reduce((sum, size) => sum + size + 6 * MB, 0));
        const alive = new Map<Tensor, number>();
        const coin = () => coins.next().value as boolean;
        for (const [i, size] of [...all, ...all.toReversed()].entries()) {
          alive.set(full([size], 1 + i, "uint8"), 1 + i);
          for (const tensor of alive.keys()) {
            if (alive.size <= all.length / 2 || coin()) continue;
            tensor.dispose();
            alive.delete(tensor);
          }
          if (coin()) releaseCachedMemory();
          expect(memoryStats().reservedBytes).toBeGreaterThanOrEqual(memoryStats().liveBytes);
        }
        for (const [tensor, value] of alive) {
          const bytes = tensor.toArray() as Uint8Array;
          expect(bytes.every((byte) => byte === value)).toBe(true);
          tensor.dispose();
        }
        releaseCachedMemory();
        setMemoryLimit(0);
        expect(memoryStats()).toMatchObject({ reservedBytes, liveBytes });
      }),
      { numRuns: 40 },
    );
  });

  test("leaves no room between tensors of one size", () => {
    releaseCachedMemory();
    const { reservedBytes } = memoryStats();
    scope(() => {
      for (let i = 0; i < 12; i++) bytes(17 * MB);
      expect(memoryStats().reservedBytes - reservedBytes).toBeLessThan((12 * 17 + 4) * MB);
    });
  });
});

describe("the limit", () => {
  test("is an error of its own kind, which says what to do, and the process goes on", () => {
    releaseCachedMemory();
    const { reservedBytes, liveBytes, liveTensors } = memoryStats();
    setMemoryLimit(reservedBytes + 64 * MB);
    const thrown = codedError(() => bytes(100 * MB));
    expect(thrown).toBeInstanceOf(RunError);
    expect(thrown).toMatchObject({ code: "ERR_MEMORY_LIMIT", exitCode: 1 });
    expect(thrown.message).toMatch(
      /^aten::full: a tensor of 100 MB does not fit: \d+ MB in use, .* a limit of \d+ MB\. Use a/,
    );
    expect(memoryStats()).toMatchObject({ liveBytes, liveTensors, limitBytes: reservedBytes + 64 * MB });

    expect(scope(() => largest(bytes(50 * MB)))).toBe(1);
    // What is cached does not count against it: it is given back first.
    expect(scope(() => largest(bytes(60 * MB)))).toBe(1);
    setMemoryLimit(0);
    expect(scope(() => largest(bytes(100 * MB)))).toBe(1);
  });

  test("strikes inside operators and gradients too, and leaves nothing behind", () => {
    const before = memoryStats();
    scope(() => {
      const x = full([4 * MB], 2).requireGradient();
      releaseCachedMemory();
      setMemoryLimit(memoryStats().reservedBytes + 18 * MB);
      // The product fits, its gradient does not.
      const store = new GradientStore([x]);
      expect(() => store.add(sum(call("aten::mul.Tensor", [x, x])))).toThrow(error("ERR_MEMORY_LIMIT"));
      store.clear();
    });
    expect(memoryStats()).toMatchObject({ liveBytes: before.liveBytes, liveTensors: before.liveTensors });
  });

  test("sizes that no memory has", () => {
    expect(() => callUntyped("aten::empty.memory_format", [[2 ** 50], "float32"])).toThrow(
      error("ERR_MEMORY_LIMIT", /does not fit/),
    );
    expect(() => callUntyped("aten::empty.memory_format", [[2 ** 40, 2 ** 40], "float32"])).toThrow(
      error("ERR_LIBTORCH", /overflow/),
    );
  });

  test.each([-1, 0.5, Number.NaN])("%d is none", (limit) => {
    expect(() => setMemoryLimit(limit)).toThrow(error("ERR_MEMORY_LIMIT", /whole number of bytes/));
  });
});

describe("threads", () => {
  test("are as set; 0 is one a core", () => {
    const { threads, maxThreads } = engineInfo();
    setThreads(1);
    expect(engineInfo().threads).toBe(1);
    setThreads(0);
    expect(engineInfo().threads).toBe(maxThreads);
    setThreads(threads);
  });

  test.each([-1, 1.5, 5000])("%d is refused", (count) => {
    expect(() => setThreads(count)).toThrow(error("ERR_THREADS", new RegExp(`got ${count}`)));
  });
});

describe("where a tensor lies", () => {
  test("changes no bit of a result", () => {
    const values = Float32Array.from({ length: 777 }, (_, i) => Math.sin(i) * 1000);
    const results = () =>
      scope(() => {
        const x = fromArray(values);
        return ["sum", "exp", "logsumexp", "softmax.int"].map((name) =>
          Buffer.from(
            callUntyped(
              `aten::${name}`,
              name === "logsumexp" ? [x, [0]] : name === "softmax.int" ? [x, 0] : [x],
            ).toArray().buffer,
          ).toString("hex"),
        );
      });
    const expected = results();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 12 }), (sizes) =>
        scope(() => {
          const others = sizes.map(bytes);
          others.filter((_, i) => i % 2 === 0).forEach((one) => void one.dispose());
          expect(results()).toEqual(expected);
        }),
      ),
    );
  });
});

test("200 AdvProp steps leave live tensors and bytes as they were", () => {
  const model = createClassifier("resnet20", { classes: ["a", "b", "c"], routes: ["aux"], imageSize: 16 }).initialize(
    1,
  );
  const gradients = new GradientStore(model.parameters.map(({ value }) => value));
  const optimizer = new Sgd(Array.from(model.network.namedParameters()), {
    momentum: 0.9,
    nesterov: true,
    weightDecay: 1e-4,
    decays: () => true,
  });
  const attack = pgd({ threatModel: linf(4 / 255), stepSize: 4 / 255, steps: 1, target: "random", randomStart: true });
  const step = (k: number) =>
    scope(() => {
      const samples = labelsTensor(Array.from({ length: 8 }, (_, i) => 8 * k + i));
      const images = keyedUniform(samples, [3, 16, 16], { seed: 1, epoch: 0, purpose: 13 });
      const labels = labelsTensor(Array.from({ length: 8 }, (_, i) => i % 3));
      const batch = { images, labels, keys: { seed: 1, epoch: 0, samples } };
      const { cleanLoss } = advPropStep({ model, attack, gradients, labelSmoothing: 0 }, batch);
      optimizer.step(gradients.read(), 0.01);
      gradients.clear();
      return { cleanLoss: cleanLoss.item() };
    });

  step(0);
  const start = memoryStats();
  resetPeakMemory();
  const first = step(1);
  const peak = memoryStats().peakBytes;
  for (let k = 2; k < 200; k++) {
    step(k);
    expect(memoryStats()).toMatchObject({ liveTensors: start.liveTensors, liveBytes: start.liveBytes, scopes: 0 });
  }
  expect(memoryStats().peakBytes).toBeLessThan(peak * 1.01);
  const last = step(199);
  expect(last.cleanLoss).toBeLessThan(first.cleanLoss);
  expect(memoryStats().reservedBytes).toBeLessThan(start.reservedBytes * 1.5);
});
