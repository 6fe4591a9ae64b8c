import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Interpolation, type RawImage, resizeRegion } from "../../src/images/resize.js";
import { decodeSafetensors } from "../../src/runs/safetensors.js";

interface Case {
  readonly source: string;
  readonly box: readonly [number, number, number, number];
  readonly size: readonly [number, number];
  readonly filter: Interpolation;
}

const { tensors, metadata } = decodeSafetensors(
  readFileSync(join(import.meta.dirname, "../golden/values/resize.safetensors")),
);
const cases = JSON.parse(metadata!.cases) as Case[];

function sourceOf(name: string): RawImage {
  const { data, shape } = tensors.get(`source.${name}`)!;
  return { pixels: data, height: shape[0], width: shape[1] };
}

describe("resizeRegion", () => {
  test.each(cases.map((entry, i) => [i, entry] as const))("equals Pillow byte for byte, case %i", (i, entry) => {
    const [left, top, width, height] = entry.box;
    const [w, h] = entry.size;
    const target = new Uint8Array(w * h * 3);
    const region = { left, top, width, height };
    resizeRegion(sourceOf(entry.source), region, { width: w, height: h }, entry.filter, target);
    expect(target).toEqual(new Uint8Array(tensors.get(`result.${i}`)!.data));
  });

  test("a window of the result equals that region of the whole result", () => {
    const source = sourceOf("tall");
    const region = { left: 0, top: 0, width: source.width, height: source.height };
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 60 }),
        fc.integer({ min: 5, max: 200 }),
        fc.constantFrom("bilinear" as const, "bicubic" as const),
        fc.nat(),
        fc.nat(),
        (width, height, filter, a, b) => {
          const window = { left: a % (width - 3), top: b % (height - 3), width: 3, height: 3 };
          const whole = new Uint8Array(width * height * 3);
          const part = new Uint8Array(27);
          resizeRegion(source, region, { width, height }, filter, whole);
          resizeRegion(source, region, { width, height }, filter, part, window);
          const rows = [0, 1, 2].flatMap((row) => {
            const start = ((window.top + row) * width + window.left) * 3;
            return [...whole.subarray(start, start + 9)];
          });
          expect([...part]).toEqual(rows);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("writes only to its target", () => {
    const source = sourceOf("small");
    const buffer = new Uint8Array(100).fill(7);
    const region = { left: 1, top: 1, width: 9, height: 9 };
    resizeRegion(source, region, { width: 4, height: 4 }, "bicubic", buffer.subarray(20, 68));
    expect(buffer.subarray(0, 20)).toEqual(new Uint8Array(20).fill(7));
    expect(buffer.subarray(68)).toEqual(new Uint8Array(32).fill(7));
  });
});
