/** Serves a classifier over HTTP. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { OnnxOptions } from "../predictors/onnx/onnx-settings.js";
import { checkApplies, isOnnx, openPredictor } from "../predictors/open.js";
import { serveApp } from "./app.js";
import { checkLimits, DEFAULT_LIMITS, type ServeLimits } from "./limits.js";
import { checkAddress, listen } from "./listen.js";

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

/** Milliseconds for which a server still takes photos after it was told to stop. */
const GRACE = 1000;

export interface PhotoServer {
  /** "http://127.0.0.1:8080" */
  readonly url: string;
  /** What was recognised and chosen when the model was opened, as sentences. */
  readonly notes: readonly string[];
  /**
   * Stops the server and frees the model. For one more second the server takes photos, because clients may have sent some that the
   * system has not handed over yet; `GET /health` has status 503 from now on, and each answer closes its connection. Then it accepts no
   * more connections, and answers the requests on those that it has.
   */
  close(): Promise<void>;
}

/**
 * Serves a classifier; {@link serveApp} describes the requests. ONNX Runtime runs the model in its own threads, so that the server stays
 * responsive. A run or weights are first exported to a temporary ONNX file, which is verified.
 *
 * @param model a run's folder, weights, or an ONNX file
 * @throws UsageError ERR_SERVE the port or a limit is out of range, or the server cannot listen on the port; and what `openPredictor`
 *   and `exportModel` throw
 */
export async function serve(model: string, options: ServeOptions = {}): Promise<PhotoServer> {
  const { port = 8080, host = "127.0.0.1", checkpoint, onnx, threads } = options;
  const limits: ServeLimits = {
    maxBytes: options.maxBytes ?? DEFAULT_LIMITS.maxBytes,
    maxPixels: options.maxPixels ?? DEFAULT_LIMITS.maxPixels,
    maxRequests: options.maxRequests ?? DEFAULT_LIMITS.maxRequests,
    timeout: options.timeout ?? DEFAULT_LIMITS.timeout,
  };
  checkAddress("serve", { port, host });
  checkLimits(limits);
  checkApplies(model, { onnx, checkpoint });
  const scratch = mkdtempSync(join(tmpdir(), "advprop-serve-"));
  try {
    // Loaded only if it is needed, because an ONNX file needs no libtorch.
    const exported = isOnnx(model) ? undefined : await asOnnx(model, join(scratch, "model.onnx"), checkpoint);
    const predictor = await openPredictor(exported?.file ?? model, { onnx, threads });
    try {
      let closing: Promise<void> | undefined;
      const app = serveApp(predictor, limits, () => closing !== undefined);
      const { server, url } = await listen("serve", app.fetch, { port, host });
      // Also ends requests whose headers never arrive completely.
      server.headersTimeout = 1000 * limits.timeout;
      server.requestTimeout = 2000 * limits.timeout;
      server.maxConnections = 16 * limits.maxRequests;
      const close = async () => {
        // The system resets connections that it has accepted for the server, but not handed over, when the server stops listening.
        await delay(GRACE);
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeIdleConnections();
        // Does not wait for connections that are busy for longer than a request may take.
        const late = setTimeout(() => server.closeAllConnections(), 2000 * limits.timeout);
        await closed;
        clearTimeout(late);
        await predictor.close();
      };
      return {
        url,
        notes: exported?.notes ?? predictor.notes,
        close() {
          closing ??= close();
          return closing;
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
