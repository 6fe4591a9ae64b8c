/** The classification of one mini-batch of random images, with the steps and answers of the workloads of `advprop bench`. */
import { minorFaults, peakResidentBytes, resetPeakResident, residentBytes } from "../dist/cli/bench/process-memory.js";
import { architecture, createClassifier } from "../dist/models/registry.js";
import { classifierPredictor } from "../dist/predictors/classifier-predictor.js";
import { KeyedRandom, Purpose } from "../dist/random.js";
import { profile, setThreads } from "../dist/tensor/index.js";

const SEED = 0;
const WARM_UP = 3;

export class EvaluationWorkload {
  #predictor;
  #batch;
  #footprint;

  /** `{ model, batchSize, imageSize, precision, threads }`, as flags give them: numbers may be strings. */
  constructor(options) {
    const [count, side] = [Number(options.batchSize), Number(options.imageSize)];
    setThreads(Number(options.threads));
    const random = new KeyedRandom(SEED, Purpose.synthesis);
    const pixels = Uint8Array.from({ length: count * side * side * 3 }, (_, i) => random.uint32(i) >>> 24);
    this.#batch = { pixels, height: side, width: side };
    this.#footprint = residentBytes();
    resetPeakResident();
    const classes = Array.from({ length: architecture(options.model).classes }, (_, i) => `class ${i}`);
    const model = createClassifier(options.model, { classes, imageSize: side });
    this.#predictor = classifierPredictor(
      model.initialize(SEED, options.precision === "bf16" ? "bfloat16" : "float32"),
    );
  }

  warmUp() {
    for (let i = 0; i < WARM_UP; i++) this.step();
    return WARM_UP;
  }

  step() {
    const faults = minorFaults();
    const start = performance.now();
    this.#predictor.logits(this.#batch);
    return { ms: performance.now() - start, minorFaults: minorFaults() - faults };
  }

  profile() {
    return profile(() => this.#predictor.logits(this.#batch));
  }

  get peakBytes() {
    return peakResidentBytes() - this.#footprint;
  }
}
