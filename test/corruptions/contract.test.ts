import { describe, expect, test } from "vitest";
import {
  CORRUPTIONS,
  type CorruptionName,
  corrupt,
  EXTRA_CORRUPTIONS,
  SEVERITIES,
} from "../../src/corruptions/index.js";
import { parametersFor, tableFor } from "../../src/corruptions/operations/scaling.js";
import { SEVERITY_TABLES } from "../../src/corruptions/severity-tables.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { codedError } from "../support/errors.js";
import { picture } from "../support/picture.js";

const NAMES: readonly CorruptionName[] = [...CORRUPTIONS, ...EXTRA_CORRUPTIONS];
const DETERMINISTIC: readonly CorruptionName[] = [
  "defocus_blur",
  "zoom_blur",
  "gaussian_blur",
  "brightness",
  "contrast",
  "pixelate",
  "jpeg_compression",
  "saturate",
];

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}

describe.each(NAMES)("%s", (name) => {
  const clean = picture(32);

  test("changes the image at every severity, and not its input", () => {
    const before = clean.slice();
    for (const severity of SEVERITIES) {
      const found = corrupt(clean, 32, 32, name, severity, { seed: 0, sample: 0 });
      expect(found).toHaveLength(clean.length);
      expect(meanDifference(found, clean), `severity ${severity}`).toBeGreaterThan(0.1);
    }
    expect(clean).toEqual(before);
  });

  test("is reproducible by key, and depends on sample and seed only where it is random", () => {
    const at = (seed: number, sample: number): Uint8Array => corrupt(clean, 32, 32, name, 3, { seed, sample });
    const first = at(0, 0);
    expect(at(0, 0)).toEqual(first);
    const same = DETERMINISTIC.includes(name);
    expect(meanDifference(at(0, 1), first) === 0).toBe(same);
    expect(meanDifference(at(1, 0), first) === 0).toBe(same);
  });

  test("accepts other sizes, also with unequal sides", () => {
    for (const [height, width] of [
      [24, 24],
      [45, 37],
      [50, 120],
      [130, 121],
    ]) {
      const noise = new KeyedRandom(1, Purpose.synthesis);
      const grey = new Uint8Array(height * width * 3).map((_, i) => 60 + noise.integer(i, 120));
      for (const severity of [1, 5]) {
        const found = corrupt(grey, height, width, name, severity, { seed: 0, sample: 0 });
        expect(found).toHaveLength(grey.length);
        expect(meanDifference(found, grey)).toBeGreaterThan(0);
        expect(meanDifference(found, grey)).toBeLessThan(150);
      }
    }
  });
});

describe("frost", () => {
  const flat = (value: number): Uint8Array => new Uint8Array(64 * 64 * 3).fill(value);
  const frosted = (value: number, severity: number, sample = 0): Uint8Array =>
    corrupt(flat(value), 64, 64, "frost", severity, { seed: 0, sample });

  test("is the weighted sum of the image and a texture", () => {
    for (const severity of SEVERITIES) {
      const [imageWeight] = SEVERITY_TABLES["tiny-imagenet-c"].parameters.frost[severity - 1];
      const layer = frosted(0, severity);
      const sum = frosted(140, severity);
      // The layer was truncated, so that it can be up to one grey level lower.
      const above = layer.map((value, i) => sum[i] - Math.min(255, Math.floor(imageWeight * 140 + value)));
      expect(above.every((levels) => levels === 0 || levels === 1)).toBe(true);
    }
  });

  test("has different crystals for different samples", () => {
    const layers = Array.from({ length: 20 }, (_, sample) => frosted(0, 5, sample));
    expect(new Set(layers.map((layer) => layer.join())).size).toBe(20);
  });
});

describe("the rule for other sizes", () => {
  test("uses the table of the nearest size", () => {
    expect([16, 32, 45].map(tableFor)).toEqual(["cifar-10-c", "cifar-10-c", "cifar-10-c"]);
    expect([46, 64, 119].map(tableFor)).toEqual(["tiny-imagenet-c", "tiny-imagenet-c", "tiny-imagenet-c"]);
    expect([120, 224, 600].map(tableFor)).toEqual(["imagenet-c", "imagenet-c", "imagenet-c"]);
  });

  test("scales nothing at a published size", () => {
    for (const { side, parameters } of Object.values(SEVERITY_TABLES)) {
      for (const name of NAMES) {
        for (const severity of SEVERITIES) {
          expect(parametersFor(name, severity, side)).toBe(parameters[name][severity - 1]);
        }
      }
    }
  });

  test("scales lengths, but neither shares nor factors", () => {
    expect(parametersFor("defocus_blur", 3, 448)).toEqual([12, 0.5]);
    expect(parametersFor("glass_blur", 5, 112, "imagenet-c")).toEqual([0.75, 2, 2]);
    expect(parametersFor("glass_blur", 1, 112, "imagenet-c")).toEqual([0.35, 1, 2]);
    expect(parametersFor("snow", 1, 128, "tiny-imagenet-c")).toEqual([0.1, 0.2, 2, 0.6, 16, 6, 0.8]);
    expect(parametersFor("pixelate", 1, 448)).toEqual([0.6]);
    expect(parametersFor("fog", 1, 448)).toEqual([1.5, 2]);
    expect(parametersFor("elastic_transform", 1, 224)[0]).toBe(488);
  });

  test("a table can be chosen by name", () => {
    const clean = picture(32);
    const noise = (table?: "imagenet-c"): number =>
      meanDifference(corrupt(clean, 32, 32, "gaussian_noise", 5, { seed: 0, sample: 0, table }), clean);
    expect(noise("imagenet-c")).toBeGreaterThan(2.5 * noise());
  });
});

describe("mistakes", () => {
  const clean = picture(32);
  const options = { seed: 0, sample: 0 };

  test("for an unknown corruption the nearest name is suggested", () => {
    const error = codedError(() => corrupt(clean, 32, 32, "gausian_noise" as CorruptionName, 1, options));
    expect(error.code).toBe("ERR_CORRUPTION");
    expect(error.message).toContain("Did you mean gaussian_noise?");
  });

  test.each([0, 6, 1.5, Number.NaN])("severity %d", (severity) => {
    const error = codedError(() => corrupt(clean, 32, 32, "fog", severity, options));
    expect(error.code).toBe("ERR_SEVERITY");
    expect(error.message).toContain(String(severity));
  });

  test("a wrong size, an unknown table and an invalid seed", () => {
    expect(codedError(() => corrupt(clean, 32, 31, "fog", 1, options)).code).toBe("ERR_IMAGE_SIZE");
    expect(codedError(() => corrupt(new Uint8Array(8 * 8 * 3), 8, 8, "fog", 1, options)).code).toBe("ERR_IMAGE_SIZE");
    const table = "cifar10-c" as "cifar-10-c";
    expect(codedError(() => corrupt(clean, 32, 32, "fog", 1, { ...options, table })).message).toContain("cifar-10-c?");
    expect(codedError(() => corrupt(clean, 32, 32, "fog", 1, { seed: -1, sample: 0 })).code).toBe("ERR_SEED");
  });
});
