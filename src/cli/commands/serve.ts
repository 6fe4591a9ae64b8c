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

/** `advprop serve MODEL --port 8080`: photos classified over HTTP. */
export function define(command: Command): void {
  command
    .argument("<model>", "a run folder, weights (see docs/weights.md), or any classifier's .onnx file")
    .option("--port <number>", "to listen on; 0 takes a free one", "8080")
    .option("--host <address>", "to listen on; 0.0.0.0 lets other machines in", "127.0.0.1")
    .option("--checkpoint <which>", "of a run folder: last, best or a kept step")
    .addOption(onnxOption())
    .option("--threads <count>", "threads of ONNX Runtime, 0 for all cores", "0")
    .option("--max-bytes <count>", "largest photo", "20000000")
    .option("--max-pixels <count>", "most pixels of a photo", "50000000")
    .option("--max-requests <count>", "most photos at once; more are answered 503", "64")
    .option("--timeout <seconds>", "that a client may take to send its photo", "10")
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
  process.stderr.write("Stopping: what has come is answered. Once more to stop at once.\n");
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  await server.close();
}
