/** Serves a classifier over HTTP. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OnnxOptions } from "../predictors/onnx/onnx-settings.js";
import { isOnnx, openPredictor } from "../predictors/open.js";
import { serveApp } from "./app.js";
import { checkLimits, DEFAULT_LIMITS, type ServeLimits } from "./limits.js";
import { listen } from "./listen.js";

export interface ServeOptions extends Partial<ServeLimits> {
  /** By default 8080; 0 chooses a free port. */
  readonly port?: number;
  /** The address to listen on; by default 127.0.0.1, which other machines cannot reach. */
  readonly host?: string;
  /** For a run: last, best or the step of a kept checkpoint. */
  readonly checkpoint?: string;
  /** Settings that an ONNX file does not contain. */
  readonly onnx?: OnnxOptions;
  /** Threads of ONNX Runtime; by default 0, all cores. */
  readonly threads?: number;
}

export interface PhotoServer {
  /** "http://127.0.0.1:8080" */
  readonly url: string;
  /** What was recognised and chosen when the model was opened, as sentences. */
  readonly notes: readonly string[];
  /** Accepts no more requests, answers those that have arrived, and frees the model. */
  close(): Promise<void>;
}

/**
 * Serves a classifier; {@link serveApp} describes the requests. ONNX Runtime runs the model in its own threads, so that the server stays
 * responsive. A run or weights are first exported to a temporary ONNX file, which is verified.
 *
 * @param model a run's folder, weights, or an ONNX file
 * @throws UsageError ERR_SERVE a limit is not a positive number, or the server cannot listen on the port; and what `openPredictor` and
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
    // Loaded only if it is needed, because an ONNX file needs no libtorch.
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
      // Also ends requests whose headers never arrive completely.
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
          // Does not wait for connections that are busy for longer than a request may take.
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
    // The runtime has the file in memory.
    rmSync(scratch, { recursive: true, force: true });
  }
}

// Loaded only here, because an ONNX file needs no libtorch.
async function asOnnx(model: string, file: string, checkpoint: string | undefined) {
  const { exportModel } = await import("../api/export/export-model.js");
  return exportModel(model, file, { checkpoint });
}
