import type { Command } from "commander";
import { onnxOption, onnxOptions } from "../flags/onnx-flag.js";
import { wholeNumber } from "../flags/set-flags.js";

interface ServeFlags {
  readonly port: string;
  readonly host: string;
  readonly checkpoint?: string;
  readonly onnx?: readonly string[];
  readonly threads: string;
  readonly maxBytes: string;
  readonly maxPixels: string;
  readonly maxRequests: string;
  readonly timeout: string;
}

/** `advprop serve MODEL --port 8080`classifies photos over HTTP. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, weights (see docs/weights.md), or the .onnx file of any classifier")
    .option("--port <number>", "port to listen on; 0 chooses a free one", "8080")
    .option("--host <address>", "address to listen on; 0.0.0.0 lets other machines connect", "127.0.0.1")
    .option("--checkpoint <which>", "checkpoint of the run: last, best or the step of a kept one")
    .addOption(onnxOption())
    .option("--threads <count>", "threads of ONNX Runtime; 0 uses all cores", "0")
    .option("--max-bytes <count>", "largest size of a photo in bytes", "20000000")
    .option("--max-pixels <count>", "largest number of pixels of a photo", "50000000")
    .option("--max-requests <count>", "largest number of photos at once; further requests get status 503", "64")
    .option("--timeout <seconds>", "longest time in seconds that a client may take to send its photo", "10")
    .action(serve);
}

async function serve(model: string, flags: ServeFlags): Promise<void> {
  const { serve: start } = await import("../../serving/serve.js");
  const { withFlags } = await import("../flags/flag-names.js");
  const number = (text: string, flag: string, least: number) => wholeNumber("serve", flag, text, least);
  const server = await start(model, {
    port: number(flags.port, "--port", 0),
    host: flags.host,
    checkpoint: flags.checkpoint,
    onnx: onnxOptions(flags.onnx ?? []),
    threads: number(flags.threads, "--threads", 0),
    maxBytes: number(flags.maxBytes, "--max-bytes", 1),
    maxPixels: number(flags.maxPixels, "--max-pixels", 1),
    maxRequests: number(flags.maxRequests, "--max-requests", 1),
    timeout: number(flags.timeout, "--timeout", 1),
  });
  for (const note of server.notes) process.stderr.write(`${withFlags(note)}\n`);
  console.log(`Serving ${model} on ${server.url}. Try: curl --data-binary @photo.jpg ${server.url}/classify`);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  process.stderr.write(
    "Stopping: requests that have arrived are still answered. Press Ctrl-C again to stop at once.\n",
  );
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  await server.close();
}
