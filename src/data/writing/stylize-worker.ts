/** Worker thread: re-textures images and writes them. */

import { statSync } from "node:fs";
import { workerData } from "node:worker_threads";
import sharp from "sharp";
import { configureDecoder } from "../../images/decode.js";
import { writeFileAtomic } from "../../runs/atomic-file.js";
import { faultPoint } from "../../runs/fault-point.js";
import { readSourceImage } from "./source-images.js";
import { stylize } from "./stylize.js";
import { serveUnits } from "./work-queue.js";
import type { StylizeJob } from "./write-stylized-set.js";

const { source, samples, paths, seed } = workerData as StylizeJob;
configureDecoder();
await serveUnits(async (index) => {
  // A power failure can leave an empty file.
  if ((statSync(paths[index], { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  const { pixels, height, width } = await readSourceImage(source, index);
  const styled = stylize(pixels, height, width, { seed, sample: samples[index] });
  const bytes = await sharp(styled, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  writeFileAtomic(paths[index], bytes, { flush: false });
  faultPoint("stylize:image");
});
