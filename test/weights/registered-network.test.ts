/** Weights without metadata of a network of one's own, whose layers go by the names of a family of ours. */
import { expect, test } from "vitest";
import { EfficientNet } from "../../src/models/efficientnet.js";
import { type Architecture, registerModel } from "../../src/models/registry.js";
import { normFactory } from "../../src/nn/routed-batch-norm.js";
import { ELEMENT_BYTES } from "../../src/runs/safetensors.js";
import type { StoredTensor } from "../../src/torch-files/tensor.js";
import { foreignWeights } from "../../src/weights/foreign.js";
import { COUNTER, layoutOf } from "../../src/weights/layout.js";
import { codedError } from "../support/errors.js";

const own: Architecture = {
  name: "own-net",
  imageSize: 64,
  classes: 10,
  build: (classes, routes) => new EfficientNet({ width: 0.25, depth: 1, dropout: 0.2 }, classes, normFactory(routes)),
};
const tensors = new Map(
  Array.from(layoutOf(own, 7, []), ([name, shape]): [string, StoredTensor] => {
    const dtype = name.endsWith(COUNTER) ? "I64" : "F32";
    const elements = shape.reduce((product, length) => product * length, 1);
    const data = new Uint8Array(elements * ELEMENT_BYTES[dtype]);
    return [name, { dtype, shape, read: () => data }];
  }),
);
const open = (model?: string) => foreignWeights({ tensors, metadata: {}, notes: [] }, "own.pth", { model });

test("are of no network until it is registered, then of it, whether it is named or not", () => {
  const { code, message } = codedError(open);
  expect(code).toBe("ERR_WEIGHTS");
  expect(message).toMatch(
    /^own\.pth: the \d+ tensors belong to no network here\. The most similar one, efficientnet-\w+, has \d+ of its \d+ tensors in common with them\./,
  );
  expect(message).toMatch(/If they belong to your own network, give the file that registers it with `parts`$/);
  registerModel(own);
  for (const model of [undefined, "own-net"]) {
    const { specification, notes } = open(model);
    expect(specification).toMatchObject({ name: "own-net", imageSize: 64 });
    expect(specification.classes).toHaveLength(7);
    expect(notes[0]).toContain("own.pth is own-net, under the names of its own layers");
  }
});
