/** WRN-16-2, compared with a plain PyTorch module. See make_wide_resnet.py. */
import { beforeAll, describe, test } from "vitest";
import { WideResNet } from "../../src/models/wide-resnet.js";
import { normFactory } from "../../src/nn/routed-batch-norm.js";
import { readGolden } from "../support/golden.js";
import { compareWithGolden, GOLDEN_PASSES, initializeAsGolden } from "../support/networks.js";

const golden = readGolden("wide_resnet.safetensors");

describe.each(["float64", "float32"] as const)("WideResNet in %s", (dtype) => {
  let network: WideResNet;
  beforeAll(() => {
    network = new WideResNet({ depth: 16, width: 2 }, 10, normFactory(["aux"]));
    initializeAsGolden(network, golden, dtype);
  });

  test.each(GOLDEN_PASSES)("%s: logits and all gradients", (pass) => {
    compareWithGolden(network, golden, pass, [2, 3, 16, 16], dtype);
  });
});
