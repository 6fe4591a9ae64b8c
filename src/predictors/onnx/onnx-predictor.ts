/** A predictor for any ONNX classifier, run by onnxruntime. Nothing here may load libtorch. */
import { existsSync } from "node:fs";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { UsageError } from "../../errors.js";
import { unrecordedView } from "../../evaluation/view.js";
import { type BlackBoxPredictor, modelName } from "../opened.js";
import { fromHalf } from "./half.js";
import { type InputFormat, inputFormat, packImages } from "./onnx-input.js";
import { readOnnxMetadata } from "./onnx-metadata.js";
import { loadOnnxRuntime, type OnnxRuntime } from "./onnx-runtime.js";
import { collectSettings, type OnnxOptions } from "./onnx-settings.js";

export interface OpenOnnxOptions {
  /** Settings of the user; they override those of the file and of its sidecar. */
  readonly onnx?: OnnxOptions;
  /** Threads per operator; by default 0, all cores. */
  readonly threads?: number;
}

/** Smaller probabilities are raised to this value, the smallest normal float32, before the logarithm. */
const LEAST_PROBABILITY = 1.2e-38;

/**
 * Opens an ONNX file. It classifies two images immediately, to find a wrong layout or size now and to learn the number of classes.
 * If the file gives probabilities, their logarithms serve as logits, because they have the same softmax.
 *
 * @throws ERR_THREADS; ERR_WEIGHTS_MISSING there is no such file; ERR_ONNX_RUNTIME there is no ONNX Runtime; ERR_ONNX the runtime
 *   refuses the file, or it is not an image classifier
 * @throws ERR_PREPROCESSING a setting is missing that the graph does not show; ERR_CLASSES the number of names is not the number of
 *   outputs, or a name occurs twice
 */
export async function openOnnx(file: string, { onnx = {}, threads = 0 }: OpenOnnxOptions): Promise<BlackBoxPredictor> {
  if (!Number.isInteger(threads) || threads < 0) {
    throw new UsageError("ERR_THREADS", `threads must be a whole number, 0 for all cores; got ${threads}`);
  }
  if (!existsSync(file)) throw new UsageError("ERR_WEIGHTS_MISSING", `there is no ONNX file ${file}. Check the path`);
  const settings = collectSettings(file, readOnnxMetadata(file), onnx);
  const runtime = loadOnnxRuntime();
  const session = await createSession(runtime, file, threads);
  try {
    const format = inputFormat(file, inputOf(file, session), settings);
    const output = outputOf(file, session, settings.outputName);
    const scores = (pixels: Uint8Array) => run(runtime, file, session, format, output, pixels);

    const probe = await scores(probeImages(format.imageSize));
    const count = probe.length / 2;
    const classes = settings.classes ?? unnamed(file, count);
    if (classes.length !== count) {
      const background = count === 1001 ? ". Does the first output stand for the background?" : "";
      throw new UsageError(
        "ERR_CLASSES",
        `${file}: there must be a name for each of its ${count} outputs; got ${classes.length}${background}`,
      );
    }
    checkDistinct(file, classes);
    const kind = settings.output ?? (areProbabilities(probe, count) ? "probabilities" : "logits");
    const { cropFraction, interpolation } = { ...unrecordedView(format.imageSize), ...settings };
    return {
      access: "black-box",
      name: modelName(file),
      file,
      run: undefined,
      notes: [],
      classes,
      imageSize: format.imageSize,
      view: { cropFraction, interpolation },
      viewRecorded: settings.cropFraction !== undefined,
      format,
      output: kind,
      async logits({ pixels }) {
        const values = await scores(pixels);
        return kind === "logits" ? values : values.map((p) => Math.log(Math.max(p, LEAST_PROBABILITY)));
      },
      close: () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function createSession(runtime: OnnxRuntime, file: string, threads: number): Promise<InferenceSession> {
  try {
    // Errors are thrown, so the runtime itself prints only fatal ones.
    return await runtime.InferenceSession.create(file, {
      logSeverityLevel: 4,
      ...(threads > 0 && { intraOpNumThreads: threads }),
    });
  } catch (cause) {
    throw new UsageError("ERR_ONNX", `${file}: onnxruntime cannot read the file: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function inputOf(file: string, { inputMetadata }: InferenceSession) {
  const [input] = inputMetadata;
  if (inputMetadata.length === 1 && input.isTensor) return input;
  const names = inputMetadata.map(({ name }) => name).join(", ");
  throw new UsageError("ERR_ONNX", `${file}: a classifier must have one input, its images; it has ${names}`);
}

function outputOf(file: string, { outputNames }: InferenceSession, wanted: string | undefined): string {
  if (wanted === undefined && outputNames.length === 1) return outputNames[0];
  if (wanted !== undefined && outputNames.includes(wanted)) return wanted;
  throw new UsageError(
    "ERR_PREPROCESSING",
    `${file}: it has several outputs. Name the one that holds the classes: \`onnx.outputName: NAME\`, one of ${outputNames.join(", ")}` +
      `${wanted === undefined ? "" : `; got ${wanted}`}`,
  );
}

/** Scores (N, K) of images (N, S, S, 3), in the batches that the graph takes. */
async function run(
  runtime: OnnxRuntime,
  file: string,
  session: InferenceSession,
  format: InputFormat,
  output: string,
  pixels: Uint8Array,
): Promise<Float32Array> {
  const { imageSize, layout, name, type } = format;
  const imageBytes = imageSize * imageSize * 3;
  const count = pixels.length / imageBytes;
  const batch = format.batch ?? count;
  const shape = layout === "NCHW" ? [batch, 3, imageSize, imageSize] : [batch, imageSize, imageSize, 3];
  const parts: Float32Array[] = [];
  for (let first = 0; first < count; first += batch) {
    const used = Math.min(batch, count - first);
    const input = packImages(format, pixels.subarray(first * imageBytes, (first + used) * imageBytes), batch);
    const answer = await runGraph(file, session, { [name]: new runtime.Tensor(type, input, shape) }, output);
    const [rows, ...rest] = answer.dims;
    const classes = rest.reduce((product, length) => product * length, 1);
    if (rows !== batch || classes < 2 || Math.max(...rest) !== classes) {
      throw new UsageError(
        "ERR_ONNX",
        `${file}: output ${output} must be [batch, classes] with at least 2 classes; for ${batch} images it is [${answer.dims.join(", ")}]`,
      );
    }
    parts.push(floats(file, answer).subarray(0, used * classes));
  }
  return parts.length === 1 ? parts[0] : concatenated(parts);
}

async function runGraph(
  file: string,
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  output: string,
): Promise<Tensor> {
  try {
    return (await session.run(feeds, [output]))[output];
  } catch (cause) {
    throw new UsageError(
      "ERR_ONNX",
      `${file}: onnxruntime cannot run the graph on images [${Object.values(feeds)[0].dims.join(", ")}]: ${(cause as Error).message}. ` +
        "Are layout and imageSize right?",
      { cause },
    );
  }
}

function floats(file: string, { type, data }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (type === "float16" && data instanceof Uint16Array) return Float32Array.from(data, fromHalf);
  // On a Node version with a half-precision array the runtime converts the values itself.
  if (type === "float16" || type === "float64") return Float32Array.from(data as Iterable<number>);
  throw new UsageError("ERR_ONNX", `${file}: its output must be float32, float16 or float64; got ${type}`);
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Two images that every network distinguishes: a ramp and its reverse. */
function probeImages(size: number): Uint8Array {
  const length = size * size * 3;
  return Uint8Array.from({ length: 2 * length }, (_, i) => (i < length ? i % 256 : 255 - ((i * 7) % 256)));
}

/** Whether all rows look like probabilities: no negative values, and a sum of 1. Logits of two images practically never do. */
function areProbabilities(scores: Float32Array, classes: number): boolean {
  for (let first = 0; first < scores.length; first += classes) {
    const row = scores.subarray(first, first + classes);
    const sum = row.reduce((total, p) => total + p, 0);
    if (row.some((p) => !(p >= 0 && p <= 1)) || Math.abs(sum - 1) > 0.01) return false;
  }
  return true;
}

/** @throws ERR_CLASSES a name occurs twice, so a folder of that name does not say which output is meant */
function checkDistinct(file: string, classes: readonly string[]): void {
  const indices = new Map<string, number>();
  for (const [i, name] of classes.entries()) {
    const first = indices.get(name);
    if (first !== undefined) {
      throw new UsageError(
        "ERR_CLASSES",
        `${file}: the names of the outputs must differ; outputs ${first + 1} and ${i + 1} are both called ${name}. ` +
          "Rename one in the list of classes",
      );
    }
    indices.set(name, i);
  }
}

function unnamed(file: string, count: number): never {
  const imagenet = count === 1000 ? "; for the classes of ImageNet in their usual order, `onnx.classes: imagenet`" : "";
  throw new UsageError(
    "ERR_PREPROCESSING",
    `${file}: the names of its ${count} classes are not known. Add \`onnx.classes: FILE\`, a text file with one name per line in ` +
      `the order of the outputs${imagenet}; or write them into ${file}.json`,
  );
}
