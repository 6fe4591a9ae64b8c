/** The worker that decodes, corrupts and classifies, so that the page's sliders stay responsive. */

import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { mostProbable } from "../../evaluation/classes/most-probable.js";
import type { RawImage } from "../../images/resize.js";
import { WEB_MODELS, type WebModel } from "../../runs/web-models.js";
import { corrupted, type Severities } from "./corruptions.js";
import { decodePhoto } from "./decode.js";
import type { Answer, Request, Response, Result, View } from "./protocol.js";
import { squareOf } from "./square.js";

/** Number of classes that are shown. */
const TOP = 5;

// More threads would need HTTP headers that a simple static server does not send.
env.wasm.numThreads = 1;
env.wasm.wasmPaths = { wasm };

const say = (response: Response): void => postMessage(response);

let models: readonly (WebModel & { readonly session: InferenceSession })[] = [];
let photo: RawImage | undefined;
/** The squares of the photo, keyed by size and crop rule. */
let squares = new Map<string, Uint8Array>();

addEventListener("message", async ({ data }: MessageEvent<Request>) => {
  try {
    say(await answer(data));
  } catch (error) {
    say({ type: "failed", message: (error as Error).message });
  }
});

async function answer(request: Request): Promise<Response> {
  if (request.type === "open") {
    await open(request.page);
    return { type: "opened" };
  }
  if (request.type === "photo") {
    photo = await decodePhoto(request.photo);
    squares = new Map();
    return { type: "decoded" };
  }
  return { type: "classified", result: await classify(request.severities) };
}

async function open(page: string): Promise<void> {
  const list = (await (await fetchFile(new URL(WEB_MODELS, page))).json()) as readonly WebModel[];
  say({ type: "models", models: list });
  const opened = [];
  for (const model of list) {
    const bytes = await (await fetchFile(new URL(model.file, page))).arrayBuffer();
    const session = await InferenceSession.create(bytes);
    // The first pass allocates memory and is slower, so it is done now.
    await logitsOf(session, new Uint8Array(model.imageSize ** 2 * 3), model.imageSize);
    opened.push({ ...model, session });
  }
  models = opened;
}

async function fetchFile(address: URL): Promise<globalThis.Response> {
  const response = await fetch(address);
  if (!response.ok)
    throw new Error(`${address.pathname} was not found (${response.status}). Was the whole folder copied?`);
  return response;
}

async function classify(severities: Severities): Promise<Result> {
  if (photo === undefined) throw new Error("There is no photo yet.");
  if (models.length === 0) throw new Error("The models could not be loaded. Load the page again.");
  const views: View[] = [];
  const viewIndices = new Map<string, number>();
  const answers: Answer[] = [];
  for (const { imageSize: side, view, classes, session } of models) {
    const key = JSON.stringify([side, view]);
    const square = squares.get(key) ?? squareOf(photo, side, view);
    squares.set(key, square);
    if (!viewIndices.has(key)) {
      viewIndices.set(key, views.length);
      views.push({ side, pixels: corrupted(square, side, severities) });
    }
    const at = viewIndices.get(key)!;
    const begun = performance.now();
    const logits = await logitsOf(session, views[at].pixels, side);
    const milliseconds = performance.now() - begun;
    answers.push({ predictions: mostProbable(logits, classes, TOP), milliseconds, view: at });
  }
  return { views, answers };
}

async function logitsOf(session: InferenceSession, pixels: Uint8Array, side: number): Promise<Float32Array> {
  const { logits } = await session.run({ images: new Tensor("uint8", pixels, [1, side, side, 3]) });
  return logits.data as Float32Array;
}
