/** A classifier as a server of HTTP. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OnnxOptions } from "../predictors/onnx/onnx-settings.js";
import { isOnnx, openPredictor } from "../predictors/open.js";
import { serveApp } from "./app.js";
import { checkLimits, DEFAULT_LIMITS, type ServeLimits } from "./limits.js";
import { listen } from "./listen.js";

export interface ServeOptions extends Partial<ServeLimits> {
  /** By default 8080; 0 takes a free one. */
  readonly port?: number;
  /** The address to listen on; by default 127.0.0.1, which other machines do not reach. */
  readonly host?: string;
  /** Of a run: last, best or the step of a kept checkpoint. */
  readonly checkpoint?: string;
  /** What an ONNX file does not say of itself. */
  readonly onnx?: OnnxOptions;
  /** Threads of ONNX Runtime; by default 0, all cores. */
  readonly threads?: number;
}

export interface PhotoServer {
  /** "http://127.0.0.1:8080" */
  readonly url: string;
  /** What was recognised and chosen when the model was opened: sentences. */
  readonly notes: readonly string[];
  /** Takes no more, answers what has come, and frees the model. */
  close(): Promise<void>;
}

/**
 * Serves a classifier: {@link serveApp} says what it answers. The model is run by ONNX Runtime, which blocks nothing: a run or
 * weights are exported to a temporary ONNX file first, and verified.
 *
 * @param model a run's folder, weights, or an ONNX file
 * @throws UsageError ERR_SERVE a limit is no positive number, or the port cannot be listened on; what `openPredictor` and
 *   `exportModel` throw
 */
export async function serve(model: string, options: ServeOptions = {}): Promise<PhotoServer> {
  const { port = 8080, host = "127.0.0.1", checkpoint, onnx, threads } = options;
  const limits: ServeLimits = {
    maxBytes: options.maxBytes ?? DEFAULT_LIMITS.maxBytes,
    maxPixels: options.maxPixels ?? DEFAULT_LIMITS.maxPixels,
    maxRequests: options.maxRequests ?? DEFAULT_LIMITS.maxRequests,
    timeout: options.timeout ?? DEFAULT_LIMITS.timeout,
  };
  checkLimits(limits);
  const scratch = mkdtempSync(join(tmpdir(), "advprop-serve-"));
  try {
    // Loaded only where it is needed: whoever serves an ONNX file needs no libtorch.
    const exported = isOnnx(model) ? undefined : await asOnnx(model, join(scratch, "model.onnx"), checkpoint);
    const predictor = await openPredictor(exported?.file ?? model, {
      onnx,
      threads,
      ...(isOnnx(model) && { checkpoint }),
    });
    try {
      let closing = false;
      const app = serveApp(predictor, limits, () => closing);
      const { server, url } = await listen("serve", app.fetch, { port, host });
      // A head or a connection that never comes to its end is given up too.
      server.headersTimeout = 1000 * limits.timeout;
      server.requestTimeout = 2000 * limits.timeout;
      server.maxConnections = 16 * limits.maxRequests;
      return {
        url,
        notes: exported?.notes ?? predictor.notes,
        async close() {
          if (closing) return;
          closing = true;
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          server.closeIdleConnections();
          // Whoever keeps a connection busy for longer than a request may take is not waited for.
          const late = setTimeout(() => server.closeAllConnections(), 2000 * limits.timeout);
          await closed;
          clearTimeout(late);
          await predictor.close();
        },
      };
    } catch (error) {
      await predictor.close();
      throw error;
    }
  } finally {
    // The runtime has read the file.
    rmSync(scratch, { recursive: true, force: true });
  }
}

// Loaded only here: whoever serves an ONNX file needs no libtorch.
async function asOnnx(model: string, file: string, checkpoint: string | undefined) {
  const { exportModel } = await import("../api/export/export-model.js");
  return exportModel(model, file, { checkpoint });
}
