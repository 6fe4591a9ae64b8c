import { KeyedRandom, Purpose } from "../../src/random.js";

/** `picture(side)` of test/golden/scripts/make_corruptions.py, (side, side, 3) uint8. */
export function picture(side: number): Uint8Array {
  const random = new KeyedRandom(7, Purpose.synthesis, 0, side);
  const pixels = new Uint8ClampedArray(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let colour = [(255 * x) / (side - 1), (255 * y) / (side - 1), (255 * (x + y)) / (2 * side - 2)].map(Math.floor);
      if (8 * y >= side && 8 * y < 2 * side) colour = [255, 255, 255];
      if ((8 * x - 3 * side) ** 2 + (8 * y - 5 * side) ** 2 < 4 * side ** 2) colour = [220, 60, 30];
      if (8 * x >= 5 * side && 8 * y < 3 * side) {
        const chequer = 255 * ((Math.floor((16 * x) / side) + Math.floor((16 * y) / side)) % 2);
        colour = [chequer, chequer, chequer];
      }
      for (let channel = 0; channel < 3; channel++) {
        const at = 3 * (y * side + x) + channel;
        pixels[at] = colour[channel] + random.integer(at, 25) - 12;
      }
    }
  }
  return new Uint8Array(pixels.buffer);
}
