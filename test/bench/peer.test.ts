/** The benchmark's PyTorch peer computes what the engine computes: otherwise their times could not be compared. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { pgd } from "../../src/attacks/pgd.js";
import { randomTargets } from "../../src/attacks/target.js";
import { linf } from "../../src/attacks/threat-model.js";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { architecture, createClassifier } from "../../src/models/registry.js";
import { stateOf, toSafetensor } from "../../src/models/weights.js";
import { ATTACK, TRAIN } from "../../src/nn/context.js";
import { crossEntropy } from "../../src/nn/loss.js";
import { createOptimizer } from "../../src/optim/create.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import { encodeSafetensors } from "../../src/runs/safetensors.js";
import { GradientStore, scope } from "../../src/tensor/index.js";
import { batchFromPixels, type TrainingStep } from "../../src/training/methods/step.js";
import { update } from "../../src/training/update.js";

const PYTHON = "/usr/bin/python3";
const PEER = fileURLToPath(new URL("../../bench/pytorch_peer.py", import.meta.url));
const hasPytorch = spawnSync(PYTHON, ["-c", "import torch"]).status === 0;

const COUNT = 6;
const KEYS = { seed: 3, epoch: 0 };
const STEPS = 2;
/** The peer's, which are the benchmark's. */
const RATE = 1e-3;

/** Two updates of AdvProp with PGD-2, dropout and stochastic depth off: the losses of each, and the peer's file. */
function engineSteps(name: string, side: number, file: string): number[][] {
  const { classes } = architecture(name);
  const model = createClassifier(name, {
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    routes: ["aux"],
    imageSize: side,
  }).initialize(1);
  const pixels: PixelBatch = {
    pixels: Uint8Array.from({ length: COUNT * side * side * 3 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24),
    labels: Int32Array.from({ length: COUNT }, (_, i) => i % classes),
    samples: Uint32Array.from({ length: COUNT }, (_, i) => i),
    height: side,
    width: side,
  };
  const ball = linf(4 / 255);
  const attack = pgd({ threatModel: ball, stepSize: 1 / 255, steps: 2, target: "random", randomStart: true });
  scope(() => {
    const { images, labels, keys } = batchFromPixels(pixels, KEYS);
    const tensors = stateOf(model.network);
    const inputs = { images, labels, start: ball.start(images, keys), targets: randomTargets(labels, classes, keys) };
    for (const [key, tensor] of Object.entries(inputs)) tensors.set(key, toSafetensor(tensor));
    writeFileSync(file, Buffer.concat(encodeSafetensors(tensors)));
  });

  const recipe = resolveRecipe({ optimizer: { name: name.startsWith("efficientnet") ? "rmsprop" : "sgd" } });
  const optimizer = createOptimizer(recipe.optimizer, Array.from(model.network.namedParameters()));
  const gradients = new GradientStore(model.parameters.map(({ value }) => value));
  const train = { ...TRAIN, stochastic: false };
  const step: TrainingStep = ({ images, labels, keys }) => {
    const adversarial = attack.perturb((x) => model.forward(x, { ...ATTACK, route: "aux" }), images, labels, keys);
    return {
      cleanLoss: gradients.add(crossEntropy(model.forward(images, { ...train, route: "main" }), labels)),
      adversarialLoss: gradients.add(crossEntropy(model.forward(adversarial, { ...train, route: "aux" }), labels)),
    };
  };
  return Array.from({ length: STEPS }, (_, i) => {
    const { metrics } = update({ step, gradients, optimizer }, [pixels], { ...KEYS, step: i, rate: RATE, saved: 0 });
    return [metrics.cleanLoss!, metrics.adversarialLoss!];
  });
}

/** The peer's answers to requests. */
function askPeer(model: string, side: number, requests: readonly object[]): Promise<Record<string, unknown>[]> {
  const flags = { model, method: "advprop", "batch-size": COUNT, "image-size": side, "attack-steps": 2, threads: 1 };
  const peer = spawn(PYTHON, [PEER, ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])]);
  const output: string[] = [];
  peer.stdout.on("data", (text) => output.push(String(text)));
  peer.stderr.on("data", (text) => process.stderr.write(text));
  peer.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(""));
  return new Promise((resolve) =>
    peer.on("close", () => {
      const lines = output.join("").split("\n").slice(1, -1);
      resolve(lines.map((line) => JSON.parse(line)));
    }),
  );
}

const NUMBER = expect.any(Number);

describe.skipIf(!hasPytorch)("the PyTorch peer (skipped where python3-torch is absent)", () => {
  test.concurrent.each([
    ["resnet8", 16],
    ["resnet18-cifar", 20],
    ["resnet50", 64],
    ["efficientnet-b0", 32],
  ] as const)("%s at %i px: the losses of two updates are the engine's", { timeout: 120_000 }, async (name, side) => {
    const folder = mkdtempSync(join(tmpdir(), "advprop-test-"));
    const file = join(folder, "check.safetensors");
    try {
      const [[clean, adversarial], [nextClean]] = engineSteps(name, side, file);
      const [checked, warmedUp, steps, peak] = await askPeer(name, side, [
        { do: "check", file },
        ...(name === "resnet8" ? [{ do: "warm-up" }, { do: "steps", count: 2 }, { do: "peak" }] : []),
      ]);
      const losses = checked.losses as number[][];
      expect(losses).toEqual(new Array(STEPS).fill([NUMBER, NUMBER]));
      expect(losses[0][0]).toBeCloseTo(clean, 4);
      // Behind fifty layers some pixels' gradients round to the other sign, and the update by what follows is another.
      const deep = name === "resnet50";
      expect(losses[0][1]).toBeCloseTo(adversarial, deep ? 1 : 4);
      // After an update by both gradients: a rectifier's input that rounds across zero moves this by thousandths. The attack
      // that follows is left out: pixels whose gradient rounds to the other sign move the loss by hundredths.
      if (!deep) expect(losses[1][0]).toBeCloseTo(nextClean, 2);
      if (name !== "resnet8") return;
      expect(warmedUp).toEqual({ steps: NUMBER });
      expect(steps).toEqual({ ms: [NUMBER, NUMBER], minorFaults: [NUMBER, NUMBER] });
      expect((peak as { bytes: number }).bytes).toBeGreaterThan(1e6);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
