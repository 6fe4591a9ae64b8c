/** A worker thread that inspects photos; see inspection.ts. */

import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { AdvPropError, assert } from "../../errors.js";
import { configureDecoder, decodeImage, ImageError, readHeader } from "../../images/decode.js";
import { readPhoto } from "../photos/read-photo.js";
import { inOrder } from "../shards/in-order.js";
import { FINGERPRINT_SIDE, fingerprintOf } from "./fingerprint.js";
import type { Inspection, InspectionRequest, InspectionResult } from "./inspection.js";

/** Files on a server are requested together, since each answer takes time. */
const READ_AT_A_TIME = 8;
const SMALL = { width: FINGERPRINT_SIDE, height: FINGERPRINT_SIDE };

assert(parentPort, "inspection-worker runs as a worker thread");
const port = parentPort;
configureDecoder();
port.on("message", (request: InspectionRequest) => void answer(request));

async function answer({ first, files }: InspectionRequest): Promise<void> {
  const inspections: Inspection[] = [];
  let at = 0;
  try {
    for await (const read of inOrder(files, READ_AT_A_TIME, readOrReason))
      inspections.push(await inspect(files[at++], read));
  } catch (error) {
    if (!(error instanceof AdvPropError)) throw error;
    port.postMessage({ code: error.code, message: error.message } satisfies InspectionResult);
    return;
  }
  port.postMessage({ first, inspections } satisfies InspectionResult);
}

/** The bytes of a photo, or the reason why they cannot be read. */
async function readOrReason(file: string): Promise<Uint8Array | string> {
  try {
    return await readPhoto(file);
  } catch (error) {
    return imageError(error).reason;
  }
}

async function inspect(file: string, bytes: Uint8Array | string): Promise<Inspection> {
  if (typeof bytes === "string") return { error: bytes };
  const digest = createHash("sha256").update(bytes).digest("hex");
  try {
    const header = await readHeader(bytes, file);
    const { photo, damage } = await decodeSmall(bytes, file);
    return { digest, header, damage, fingerprint: fingerprintOf(photo.pixels) };
  } catch (error) {
    return { digest, error: imageError(error).reason };
  }
}

/** Decodes strictly. If that fails, decodes leniently and returns the damage. */
async function decodeSmall(bytes: Uint8Array, file: string) {
  try {
    return { photo: await decodeImage(bytes, file, SMALL, true) };
  } catch (error) {
    // The decoder's own message.
    const damage = (imageError(error).cause as Error).message.trim().split("\n")[0];
    return { photo: await decodeImage(bytes, file, SMALL), damage };
  }
}

/** Any other error is a bug. */
function imageError(error: unknown): ImageError {
  if (!(error instanceof ImageError)) throw error;
  return error;
}
