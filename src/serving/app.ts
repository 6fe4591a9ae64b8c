/** The routes of the HTTP server. */
import { Hono } from "hono";
import { squareOf } from "../api/photo-batches.js";
import { mostProbable } from "../evaluation/classes/most-probable.js";
import { evaluationBatchSize } from "../evaluation/predictor.js";
import { imageSize } from "../images/cut.js";
import { ImageError } from "../images/decode.js";
import type { OpenedPredictor } from "../predictors/opened.js";
import { inBatches } from "./batches.js";
import { bodyOf, Refusal, type ServeLimits } from "./limits.js";
import { ServeMetrics } from "./metrics.js";

/**
 * `POST /classify` (or `/`) with the bytes of a photo answers `{ model, predictions: [{ class, probability }] }`, the most probable
 * first; `?top=N` sets their number. Further routes are `GET /health`, `GET /metrics` and `GET /`, which lists the classes. Every error
 * is `{ error: { code, message } }`.
 *
 * @param isClosing whether the server is being stopped. Photos are still classified, and each answer closes its connection
 */
export function serveApp(predictor: OpenedPredictor, limits: ServeLimits, isClosing: () => boolean): Hono {
  const { classes, imageSize: size, view, name } = predictor;
  const metrics = new ServeMetrics();
  const logitsOf = inBatches<Uint8Array, Float32Array>(async (squares) => {
    metrics.batch(squares.length);
    const logits = await predictor.logits({ pixels: Buffer.concat(squares), height: size, width: size });
    return squares.map((_, i) => logits.subarray(i * classes.length, (i + 1) * classes.length));
  }, evaluationBatchSize(size));

  const classify = async (request: Request) => {
    const top = topOf(request, classes.length);
    const bytes = await bodyOf(request.body, limits);
    const square = await squareOfPhoto(bytes, limits, { size, view });
    return { model: name, predictions: mostProbable(await logitsOf(square), classes, top) };
  };

  const app = new Hono();
  const answer = async (request: Request): Promise<[body: object, status: 200 | Refusal["status"] | 500]> => {
    if (metrics.active >= limits.maxRequests) {
      return [refused(new Refusal(503, "busy", "too many photos at once: try again in a second")), 503];
    }
    metrics.active++;
    try {
      return [await classify(request), 200];
    } catch (error) {
      if (error instanceof Refusal) return [refused(error), error.status];
      // The client must not learn details of the server.
      return [{ error: { code: "internal", message: "the photo could not be classified" } }, 500];
    } finally {
      metrics.active--;
    }
  };
  app.use(async (context, next) => {
    await next();
    if (isClosing()) context.header("Connection", "close");
  });
  for (const path of ["/", "/classify"]) {
    app.post(path, async (context) => {
      const started = performance.now();
      const [body, status] = await answer(context.req.raw);
      metrics.request(status, (performance.now() - started) / 1000);
      if (status === 503) context.header("Retry-After", "1");
      // The rest of the body is not read, so a client that still sends it would wait for ever.
      if (status === 408 || status === 413) context.header("Connection", "close");
      return context.json(body, status);
    });
  }
  app.get("/", (context) =>
    context.json({ model: name, imageSize: size, classes, usage: "POST the bytes of a photo to /classify" }),
  );
  app.get("/health", (context) =>
    isClosing() ? context.json({ status: "closing" }, 503) : context.json({ status: "ok" }),
  );
  app.get("/metrics", (context) => context.text(metrics.text()));
  app.notFound((context) => context.json(refused(new Refusal(400, "not-found", "POST a photo to /classify")), 404));
  return app;
}

const refused = ({ code, message }: Refusal) => ({ error: { code, message } });

function topOf(request: Request, classes: number): number {
  const text = new URL(request.url).searchParams.get("top");
  if (text === null) return Math.min(5, classes);
  const top = Number(text);
  if (Number.isInteger(top) && top >= 1) return top;
  throw new Refusal(400, "top", "top must be a positive integer");
}

/**
 * The square of a photo that the network classifies.
 *
 * @throws Refusal 413 it has too many pixels, 415 it is not an image, 422 it is damaged
 */
async function squareOfPhoto(
  bytes: Uint8Array,
  { maxPixels }: ServeLimits,
  squares: Parameters<typeof squareOf>[1],
): Promise<Uint8Array> {
  let known = false;
  try {
    const { width, height } = await imageSize(bytes, "the photo");
    if (width * height > maxPixels) {
      throw new Refusal(
        413,
        "too-many-pixels",
        `a photo may have at most ${maxPixels} pixels; this one is ${width} x ${height}`,
      );
    }
    known = true;
    return (await squareOf(bytes, squares)).pixels as Uint8Array;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const [status, code] = known ? ([422, "damaged"] as const) : ([415, "no-image"] as const);
    throw new Refusal(status, code, `the photo cannot be read: ${error.reason}`);
  }
}
