/**
 * Images per second of processor time that each augmentation takes on one core, beside crop and mirroring.
 *
 *     npm run build && node bench/augmentation.mjs [--size 224] [--images 100]
 */
import { parseArgs } from "node:util";
import { cropPadded, flipHorizontal } from "../dist/images/augmentation/augmentation.js";
import { applyPolicyOperation } from "../dist/images/augmentation/policy-operations.js";
import { AUTO_AUGMENT_POLICIES, augmentStrongly } from "../dist/images/augmentation/strong-augmentation.js";
import { KeyedRandom } from "../dist/random.js";

const { values } = parseArgs({
  options: { size: { type: "string", default: "224" }, images: { type: "string", default: "100" } },
});
const size = Number(values.size);
const images = Number(values.images);
const source = Uint8Array.from({ length: 3 * size * size }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24);
const image = { pixels: new Uint8Array(source.length), height: size, width: size };

const strongly = (settings) => (sample) =>
  augmentStrongly(image, settings, (purpose) => new KeyedRandom(0, purpose, 0, sample));
const operation = (name, value, interpolation) => () => applyPolicyOperation(image, { name, value }, interpolation);
const contestants = {
  "crop and flip": () => {
    cropPadded(source, size, size, 4, 3, 5, image.pixels);
    flipHorizontal(image.pixels, size, size);
  },
  ...Object.fromEntries(
    AUTO_AUGMENT_POLICIES.filter((name) => name !== "none").map((autoAugment) => [
      autoAugment,
      strongly({ autoAugment }),
    ]),
  ),
  "colour jitter 0.4": strongly({ colorJitter: 0.4 }),
  "random erasing": strongly({ randomErasing: 1 }),
  AutoContrast: operation("AutoContrast", 0),
  Equalize: operation("Equalize", 0),
  Invert: operation("Invert", 0),
  Posterize: operation("Posterize", 4),
  Solarize: operation("Solarize", 128),
  Color: operation("Color", 1.5),
  Contrast: operation("Contrast", 1.5),
  Brightness: operation("Brightness", 1.5),
  Sharpness: operation("Sharpness", 1.5),
  "Rotate, nearest": operation("Rotate", 13, "nearest"),
  "Rotate, bilinear": operation("Rotate", 13, "bilinear"),
  "ShearX, nearest": operation("ShearX", 0.2, "nearest"),
  "TranslateX, nearest": operation("TranslateX", 7, "nearest"),
};

console.log(`Images of ${size} px a second of processor time, ${images} images each:`);
for (const [name, run] of Object.entries(contestants)) {
  image.pixels.set(source);
  for (let sample = 0; sample < images / 5; sample++) run(sample);
  const before = process.cpuUsage();
  for (let sample = 0; sample < images; sample++) {
    image.pixels.set(source);
    run(sample);
  }
  const { user, system } = process.cpuUsage(before);
  console.log(`${name.padEnd(22)} ${(images / ((user + system) / 1e6)).toFixed(0)}`);
}
