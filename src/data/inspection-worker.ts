/** A worker thread that inspects photos; see inspection.ts. */

import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { assert } from "../errors.js";
import { configureDecoder, decodeImage, ImageError, readHeader } from "../images/decode.js";
import { FINGERPRINT_SIDE, fingerprintOf } from "../images/fingerprint.js";
import type { Inspection, InspectionRequest, InspectionResult } from "./inspection.js";
import { readPhotoFile } from "./read-photo-file.js";

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
    bytes = readPhotoFile(file);
  } catch (error) {
    return { error: imageError(error).reason };
  }
  const digest = createHash("sha256").update(bytes).digest("hex");
  try {
    const header = await readHeader(bytes, file);
    const { photo, damage } = await decodeSmall(bytes, file);
    return { digest, header, damage, fingerprint: fingerprintOf(photo.pixels) };
  } catch (error) {
    return { digest, error: imageError(error).reason };
  }
}

/** Decodes strictly, then leniently. */
async function decodeSmall(bytes: Uint8Array, file: string) {
  try {
    return { photo: await decodeImage(bytes, file, SMALL, true) };
  } catch (error) {
    // The decoder's own words.
    const damage = (imageError(error).cause as Error).message.trim().split("\n")[0];
    return { photo: await decodeImage(bytes, file, SMALL), damage };
  }
}

/** Whatever else is thrown is a mistake of ours. */
function imageError(error: unknown): ImageError {
  if (!(error instanceof ImageError)) throw error;
  return error;
}
