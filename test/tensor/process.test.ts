/** Processes that load the engine end as they should: by themselves, by exit, by an error, with worker threads. */
import { describe, expect, test } from "vitest";
import { ENGINE, runScript } from "../support/script.js";

/** Everything that holds native state: tensors in and out of scopes, an open scope, a graph, gradients. */
const WORK = `
  const { call, fromArray, full, GradientStore, gradientOf, keep, memoryStats, releaseCachedMemory, scope, setMemoryLimit } =
    await import(${JSON.stringify(ENGINE)});
  const ones = (shape) => call("aten::full", [shape, 1, "float32"]);
  /** Convolutions forward and backward; the gradient's sum is the same each time. */
  const work = (times) => {
    let last;
    for (let i = 0; i < times; i++) {
      last = scope(() => {
        const x = ones([2, 3, 16, 16]);
        const w = ones([8, 3, 3, 3]).requireGradient();
        const store = new GradientStore([w]);
        store.add(call("aten::sum", [call("aten::relu", [call("aten::conv2d", [x, w, null, 1, 1])])]));
        return store.read()[0].toNumbers().reduce((a, b) => a + b);
      });
    }
    return last;
  };
`;
const EXPECTED = 8 * 3 * 2 * (3 * 16 - 2) ** 2;
/** A worker thread that runs the given body after WORK, as a module (as `--input-type` says for the whole process). */
const worker = (body: string) => {
  const source = `import { parentPort } from "node:worker_threads"; ${WORK} ${body}`;
  return `new Worker(${JSON.stringify(source)}, { eval: true })`;
};
const MAIN = `import { Worker } from "node:worker_threads"; import { once } from "node:events"; ${WORK}`;

function expectOutput(source: string, output: unknown, status = 0): void {
  const result = runScript(source);
  expect(result).toMatchObject({ status, signal: null, stderr: "" });
  expect(JSON.parse(result.stdout)).toEqual(output);
}

describe("one thread", () => {
  test("ends by itself, with tensors alive and a gradient stored", () => {
    expectOutput(
      `${MAIN}
      globalThis.kept = keep(ones([1000]));
      globalThis.leaf = ones([3]).requireGradient();
      new GradientStore([leaf]).add(call("aten::sum", [leaf]));
      console.log(work(2));`,
      EXPECTED,
    );
  });

  test("process.exit in the middle of a scope, with a graph alive", () => {
    expectOutput(
      `${MAIN}
      console.log(work(1));
      scope(() => {
        const x = ones([4]).requireGradient();
        const loss = call("aten::sum", [call("aten::exp", [x])]);
        process.exit(loss.shape.length + 3);
      });`,
      EXPECTED,
      3,
    );
  });

  test("an error that nobody catches, of JavaScript and of libtorch", () => {
    for (const fault of [`throw new Error("mine")`, `call("aten::add.Tensor", [ones([2]), ones([3])])`]) {
      const { status, signal, stderr } = runScript(`${MAIN} work(1); scope(() => { ${fault}; });`);
      expect([status, signal]).toEqual([1, null]);
      expect(stderr).toMatch(/Error: (mine|aten::add: The size of tensor a \(2\))/);
      expect(stderr).not.toMatch(/terminate called|core dumped/);
    }
  });

  test("running out of memory again and again is an error each time", () => {
    expectOutput(
      `${MAIN}
      work(1);
      setMemoryLimit(memoryStats().reservedBytes + 2 ** 25);
      const codes = new Set();
      for (let i = 0; i < 50; i++) {
        try { scope(() => { for (;;) ones([2 ** 18]); }); } catch (error) { codes.add(error.code); }
      }
      console.log(JSON.stringify([...codes, work(1)]));`,
      ["ERR_MEMORY_LIMIT", EXPECTED],
    );
  });
});

describe("worker threads", () => {
  test("one that ends, beside the main thread at work", () => {
    expectOutput(
      `${MAIN}
      const thread = ${worker("parentPort.postMessage(work(20));")};
      const [message, [code]] = await Promise.all([
        once(thread, "message"),
        once(thread, "exit"),
        (async () => { for (let i = 0; i < 20; i++) { work(1); await null; } })(),
      ]);
      console.log(JSON.stringify([message[0], code, work(1), memoryStats().liveTensors]));`,
      [EXPECTED, 0, EXPECTED, 0],
    );
  });

  test("one that is terminated in mid-work, several times over", () => {
    expectOutput(
      `${MAIN}
      const codes = [];
      for (let i = 0; i < 4; i++) {
        const thread = ${worker("keep(ones([2 ** 20])); parentPort.postMessage(1); scope(() => work(1e9));")};
        await once(thread, "message");
        work(i);
        codes.push(await thread.terminate());
      }
      const bytes = memoryStats().liveBytes;
      console.log(JSON.stringify([codes, work(1), bytes < 2 ** 20]));`,
      [[1, 1, 1, 1], EXPECTED, true],
    );
  });

  test("the only ones that load the engine: it outlives the first and serves the next", () => {
    expectOutput(
      `import { Worker } from "node:worker_threads"; import { once } from "node:events";
      const results = [];
      for (let i = 0; i < 3; i++) {
        const thread = ${worker("globalThis.kept = keep(ones([1000])); parentPort.postMessage(work(3));")};
        const [[message], [code]] = await Promise.all([once(thread, "message"), once(thread, "exit")]);
        results.push(message, code);
      }
      console.log(JSON.stringify(results));`,
      [EXPECTED, 0, EXPECTED, 0, EXPECTED, 0],
    );
  });

  test("what is kept of a weight ends with the thread", () => {
    const body = `
      const weight = keep(ones([64, 64, 1, 1]));
      scope(() => call("advprop::conv2d", [ones([1, 64, 4, 4]), weight, null, 1, [0, 0, 0, 0], 1]));
      parentPort.postMessage(memoryStats().liveBytes >= 3 * 64 * 64 * 4);`;
    expectOutput(
      `${MAIN}
      const thread = ${worker(body)};
      const [[packed]] = await Promise.all([once(thread, "message"), once(thread, "exit")]);
      console.log(JSON.stringify([packed, memoryStats().liveBytes]));`,
      [true, 0],
    );
  });

  test("process.exit while one is at work, and from one at work", () => {
    const thread = worker("parentPort.postMessage(1); work(1e9);");
    expectOutput(
      `${MAIN} const thread = ${thread}; await once(thread, "message"); console.log(work(5)); process.exit(4);`,
      EXPECTED,
      4,
    );
    expectOutput(
      `${MAIN}
      const thread = ${worker("work(2); scope(() => { ones([2]); process.exit(7); });")};
      console.log(JSON.stringify((await once(thread, "exit"))[0]));`,
      7,
    );
  });

  test("an error in one reaches the main thread as an event", () => {
    expectOutput(
      `${MAIN}
      const thread = ${worker(`call("aten::add.Tensor", [ones([2]), ones([3])]);`)};
      const [error] = await once(thread, "error");
      console.log(JSON.stringify([error.code, work(1)]));`,
      ["ERR_LIBTORCH", EXPECTED],
    );
  });

  test("share the limit and the cache: set in one, felt in all, while all allocate", () => {
    const body = `
      setMemoryLimit(memoryStats().reservedBytes + 2 ** 27);
      let failures = 0;
      for (let i = 0; i < 300; i++) {
        try { scope(() => { for (let j = 1; j < 40; j++) ones([j * 2 ** 17]); }); } catch (error) {
          if (error.code !== "ERR_MEMORY_LIMIT") throw error;
          failures++;
        }
        if (i % 10 === 0) releaseCachedMemory();
      }
      parentPort.postMessage([failures > 0, memoryStats().limitBytes > 0]);`;
    expectOutput(
      `${MAIN}
      const threads = [${worker(body)}, ${worker(body)}];
      const messages = await Promise.all(threads.map((thread) => once(thread, "message")));
      let code;
      try { ones([2 ** 29]); } catch (error) { code = error.code; }
      await Promise.all(threads.map((thread) => thread.terminate()));
      setMemoryLimit(0);
      console.log(JSON.stringify([messages, code, work(1), memoryStats().liveBytes]));`,
      [[[[true, true]], [[true, true]]], "ERR_MEMORY_LIMIT", EXPECTED, 0],
    );
  });
});
