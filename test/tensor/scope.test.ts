/** Scopes and lifetime: what is freed when, and what using a freed tensor says. */
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { call, fromArray, keep, memoryStats, scope, Tensor } from "../../src/tensor/index.js";
import { add, add_ } from "../../src/tensor/operators.js";
import { codedError, error } from "../support/errors.js";

let live: number;
beforeEach(() => {
  live = memoryStats().liveTensors;
});
const made = () => memoryStats().liveTensors - live;
const tensor = () => fromArray([1, 2, 3]);

describe("scope", () => {
  test("frees what is made inside, except what it returns", () => {
    let inside: Tensor | undefined;
    const returned = scope(() => {
      inside = tensor();
      expect(made()).toBe(1);
      return add(inside, 1);
    });
    expect(inside?.alive).toBe(false);
    expect(returned.toNumbers()).toEqual([2, 3, 4]);
    expect(made()).toBe(1);
    returned.dispose();
    expect(made()).toBe(0);
  });

  test("keeps tensors returned in arrays and plain objects, nested", () => {
    const result = scope(() => {
      tensor();
      return { a: [tensor(), [tensor()]], b: { c: tensor(), d: 3, e: null, f: undefined } };
    });
    expect(made()).toBe(3);
    for (const one of [result.a[0], (result.a[1] as Tensor[])[0], result.b.c] as Tensor[]) expect(one.alive).toBe(true);
    scope(() => result.b.c.dispose());
    expect(made()).toBe(2);
  });

  test("passes returned tensors to the enclosing scope, which frees them", () => {
    const inner = scope(() => {
      const first = scope(() => tensor());
      const second = scope(() => scope(() => tensor()));
      expect([first.alive, second.alive, made()]).toEqual([true, true, 2]);
      return first;
    });
    expect([inner.alive, made()]).toEqual([true, 1]);
  });

  test("does not free what an outer scope owns, even when an inner one returns it", () => {
    scope(() => {
      const outer = tensor();
      expect(scope(() => outer)).toBe(outer);
      scope(() => [outer, outer]);
      expect(outer.alive).toBe(true);
    });
    expect(made()).toBe(0);
  });

  test("frees everything when the body throws, at any depth, and the scopes are closed", () => {
    const depth = memoryStats().scopes;
    expect(() =>
      scope(() => {
        tensor();
        scope(() => {
          tensor();
          add(tensor(), fromArray([1, 2]));
        });
      }),
    ).toThrow(error("ERR_LIBTORCH"));
    expect([made(), memoryStats().scopes]).toEqual([0, depth]);
  });

  test("refuses a promise and frees what was made before its first await", async () => {
    let late: Promise<unknown> = Promise.resolve();
    const thrown = codedError(() =>
      scope(() => {
        tensor();
        late = Promise.reject(new Error("later"));
        return late;
      }),
    );
    expect(thrown).toMatchObject({
      code: "ERR_SCOPE",
      message: expect.stringMatching(/synchronous; it returned a promise/),
    });
    expect([made(), memoryStats().scopes]).toEqual([0, 0]);
    await expect(late).rejects.toThrow("later");
  });

  test("keep takes a tensor out of every scope", () => {
    const kept = scope(() => scope(() => keep(tensor())));
    const other = scope(() => {
      const one = keep(tensor());
      scope(() => one);
      return undefined;
    });
    expect([kept.alive, other, made()]).toEqual([true, undefined, 2]);
  });

  test("a tensor disposed inside is not freed again, nor is the one that took its place", () => {
    const returned = scope(() => {
      const first = tensor();
      first.dispose();
      const second = tensor();
      expect(first.alive).toBe(false);
      return [first, second];
    });
    expect(returned.map((one) => one.alive)).toEqual([false, true]);
    expect(made()).toBe(1);
  });

  test("Symbol.dispose frees", () => {
    const one = tensor();
    one[Symbol.dispose]();
    expect(one.alive).toBe(false);
  });

  /** A program of nested scopes: the live count is always the number of tensors the rules leave alive. */
  test("counts are right for any nesting", () => {
    type Node = { make: number; keeps: number; returns: boolean; children: Node[] };
    const nodes = fc.letrec<{ node: Node }>((tie) => ({
      node: fc.record({
        make: fc.nat(3),
        keeps: fc.nat(2),
        returns: fc.boolean(),
        children: fc.oneof({ depthSize: "small" }, fc.constant<Node[]>([]), fc.array(tie("node"), { maxLength: 3 })),
      }),
    }));
    fc.assert(
      fc.property(nodes.node, (program) => {
        const before = memoryStats().liveTensors;
        const kept: Tensor[] = [];
        const run = (node: Node): Tensor[] =>
          scope(() => {
            const own = Array.from({ length: node.make }, tensor);
            for (let i = 0; i < node.keeps; i++) kept.push(keep(tensor()));
            const below = node.children.flatMap(run);
            for (const one of below) expect(one.alive).toBe(true);
            return node.returns ? [...own, ...below] : [];
          });
        const returned = run(program);
        expect(memoryStats().liveTensors - before).toBe(returned.length + kept.length);
        for (const one of [...returned, ...kept]) one.dispose();
        expect(memoryStats().liveTensors).toBe(before);
      }),
    );
  });
});

describe("a disposed tensor", () => {
  const uses: [string, (one: Tensor) => unknown][] = [
    ["operator", (one) => add(one, 1)],
    ["in place", (one) => add_(one, 1)],
    ["in a list", (one) => call("aten::cat", [[one]])],
    ["toArray", (one) => one.toArray()],
    ["shape", (one) => one.shape],
    ["item", (one) => one.item()],
    ["keep", (one) => keep(one)],
    ["requireGradient", (one) => one.requireGradient()],
    ["dispose again", (one) => one.dispose()],
  ];
  test.each(uses)("%s", (_, use) => {
    const one = tensor();
    one.dispose();
    expect(() => use(one)).toThrow(error("ERR_DISPOSED", /already disposed .*keep\(\)/));
    // Also once its slot holds another tensor.
    const other = tensor();
    expect(() => use(one)).toThrow(error("ERR_DISPOSED"));
    expect(other.toNumbers()).toEqual([1, 2, 3]);
  });

  test("what a handle never stood for is refused", () => {
    for (const handle of [0, -1, 0.5, Number.NaN, Infinity, -Infinity, 2 ** 53, 1e300]) {
      expect(() => add(new Tensor(handle), 1)).toThrow(error(handle === 0.5 ? "ERR_DISPOSED" : "ERR_ARGUMENT"));
    }
    expect(() => add(new Tensor(2 ** 52 + 12345), 1)).toThrow(error("ERR_DISPOSED"));
  });
});
