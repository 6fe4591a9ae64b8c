/** A worker thread that inspects photos; see inspection.ts. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { assert, RunError } from "../errors.js";
import { configureDecoder, decodeImage, readHeader } from "../images/decode.js";
import { FINGERPRINT_SIDE, fingerprintOf } from "../images/fingerprint.js";
import type { Inspection, InspectionRequest, InspectionResult } from "./inspection.js";

const SMALL = { width: FINGERPRINT_SIDE, height: FINGERPRINT_SIDE };

assert(parentPort, "inspection-worker runs as a worker thread");
const port = parentPort;
configureDecoder();
port.on("message", (request: InspectionRequest) => void answer(request));

async function answer({ first, files }: InspectionRequest): Promise<void> {
  const inspections: Inspection[] = [];
  for (const file of files) inspections.push(await inspect(file));
  port.postMessage({ first, inspections } satisfies InspectionResult);
}

async function inspect(file: string): Promise<Inspection> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    return { error: (error as Error).message };
  }
  const digest = createHash("sha256").update(bytes).digest("hex");
  try {
    const header = await readHeader(bytes, file);
    const { photo, damage } = await decodeSmall(bytes, file);
    return { digest, header, damage, fingerprint: fingerprintOf(photo.pixels) };
  } catch (error) {
    return { digest, error: reasonOf(error) };
  }
}

/** Decodes strictly, then leniently. */
async function decodeSmall(bytes: Uint8Array, file: string) {
  try {
    return { photo: await decodeImage(bytes, file, SMALL, true) };
  } catch (error) {
    const damage = reasonOf(error);
    return { photo: await decodeImage(bytes, file, SMALL), damage };
  }
}

/** The decoder's own words. */
function reasonOf(error: unknown): string {
  if (!(error instanceof RunError)) throw error;
  return (error.cause as Error).message.trim().split("\n")[0];
}
