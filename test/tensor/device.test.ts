/** Devices by name, and what a machine without a GPU says. */
import { describe, expect, test } from "vitest";
import { createClassifier } from "../../src/models/registry.js";
import { type Device, engineInfo, fromArray, resolveDevice, scope } from "../../src/tensor/index.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { codedError, error } from "../support/errors.js";

describe("devices", () => {
  test("auto and cpu are the CPU, also where there is a GPU", () => {
    expect([resolveDevice("auto"), resolveDevice("cpu")]).toEqual(["cpu", "cpu"]);
  });

  test("tensors say where they are", () => {
    scope(() => expect(fromArray([1, 2, 3], [3], "int64", "cpu").device).toBe("cpu"));
  });

  test("a classifier and its batches are where they were asked to be", () => {
    scope(() => {
      const model = createClassifier("resnet8", { classes: ["a", "b"], imageSize: 8 }).initialize(0, "float32", "cpu");
      expect(model.device).toBe("cpu");
      const pixels = { pixels: new Uint8Array(8 * 8 * 3), height: 8, width: 8 };
      const one = { ...pixels, labels: Int32Array.of(1), samples: Uint32Array.of(3), moreViews: [pixels.pixels] };
      const { images, moreViews, labels, keys } = batchFromPixels(one, { seed: 0, epoch: 0 }, model.device);
      expect([images, moreViews?.[0], labels, keys.samples].map((tensor) => tensor?.device)).toEqual(
        new Array(4).fill("cpu"),
      );
      model.dispose();
    });
  });

  test.each([
    ["cuda", "cuda:0"],
    ["cuda:0", "cuda:0"],
  ] as const)("%s is %s where libtorch has CUDA, and else an error that says what to do", (name, device) => {
    if (engineInfo().cuda) {
      expect(resolveDevice(name)).toBe(device);
    } else {
      const { code, message } = codedError(() => resolveDevice(name));
      expect(code).toBe("ERR_DEVICE");
      expect(message).toMatch(
        new RegExp(`^\`device: ${name}\`: this libtorch \\(\\d.*has no CUDA.*npx advprop doctor.*docs/cuda.md`),
      );
    }
  });

  test.skipIf(engineInfo().cuda)("a tensor on a GPU that is not there is refused before anything is made", () => {
    expect(() => fromArray([1], [1], "float32", "cuda:0")).toThrow(
      error("ERR_DEVICE", /cuda:0 needs a libtorch with CUDA/),
    );
    const model = createClassifier("resnet8", { classes: ["a", "b"], imageSize: 8 });
    expect(() => model.initialize(0, "float32", "cuda:0")).toThrow(error("ERR_DEVICE"));
    expect(() => fromArray([1], [1], "float32", "gpu" as Device)).toThrow(error("ERR_LIBTORCH", /gpu/));
  });
});
