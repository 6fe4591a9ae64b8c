/** Renders a scene of the built-in set, from back to front. Every edge is one pixel soft. */

import type { Colour, Cover, Scene, Stroke } from "./scene.js";
import { SILHOUETTES, type Silhouette } from "./silhouettes.js";
import { lattice, TEXTURES, type Texture } from "./textures.js";

const SILHOUETTE_LIST = Object.values(SILHOUETTES);
const TEXTURE_LIST = Object.values(TEXTURES);

/** Distance of the shadow, and width of the light and the dark rim, in radii of the object. */
const SHADOW_DISTANCE = 0.22;
const RIM = 0.16;

/** Renders scenes of one size. Its buffer is used for all of them. */
export class Renderer {
  readonly #size: number;
  /** (S, S, 3) in [0, 1] */
  readonly #canvas: Float32Array;

  constructor(size: number) {
    this.#size = size;
    this.#canvas = new Float32Array(size * size * 3);
  }

  /** @param target (S, S, 3) uint8; every byte is written */
  render(scene: Scene, target: Uint8Array): void {
    this.#drawBackground(scene);
    for (const stroke of scene.clutter) this.#drawStroke(stroke);
    this.#drawObject(scene);
    for (const stroke of scene.occluders) this.#drawStroke(stroke);
    this.#develop(scene, target);
  }

  #drawBackground({ background, light }: Scene): void {
    const size = this.#size;
    const canvas = this.#canvas;
    const paint = painter(background, size);
    const lightX = light.strength * Math.cos(light.angle);
    const lightY = light.strength * Math.sin(light.angle);
    let at = 0;
    for (let row = 0; row < size; row++) {
      const y = (row + 0.5) / size;
      for (let column = 0; column < size; column++, at += 3) {
        const x = (column + 0.5) / size;
        const amount = paint(x, y);
        const shade = 1 + lightX * (x - 0.5) + lightY * (y - 0.5);
        canvas[at] = shade * (background.first[0] + amount * (background.second[0] - background.first[0]));
        canvas[at + 1] = shade * (background.first[1] + amount * (background.second[1] - background.first[1]));
        canvas[at + 2] = shade * (background.first[2] + amount * (background.second[2] - background.first[2]));
      }
    }
  }

  #drawStroke({ from, to, radius, colour }: Stroke): void {
    const size = this.#size;
    const alongX = to[0] - from[0];
    const alongY = to[1] - from[1];
    const squared = alongX * alongX + alongY * alongY;
    const { firstRow, lastRow, firstColumn, lastColumn } = this.#pixels(
      Math.min(from[0], to[0]) - radius,
      Math.min(from[1], to[1]) - radius,
      Math.max(from[0], to[0]) + radius,
      Math.max(from[1], to[1]) + radius,
    );
    for (let row = firstRow; row <= lastRow; row++) {
      const y = (row + 0.5) / size - from[1];
      for (let column = firstColumn; column <= lastColumn; column++) {
        const x = (column + 0.5) / size - from[0];
        const t = squared > 0 ? Math.min(1, Math.max(0, (x * alongX + y * alongY) / squared)) : 0;
        const distance = Math.sqrt((x - t * alongX) ** 2 + (y - t * alongY) ** 2) - radius;
        const coverage = 0.5 - distance * size;
        if (coverage > 0) this.#blend(3 * (row * size + column), colour, Math.min(1, coverage));
      }
    }
  }

  #drawObject({ object, light }: Scene): void {
    const size = this.#size;
    const canvas = this.#canvas;
    const { center, radius, cover } = object;
    const silhouette: Silhouette = SILHOUETTE_LIST[object.silhouette];
    const [a, b, c, d] = toObject(object);
    const paint = painter(cover, size);
    const lightX = Math.cos(light.angle);
    const lightY = Math.sin(light.angle);
    // The shadow lies on the side away from the light.
    const shadowX = -lightX * SHADOW_DISTANCE * radius;
    const shadowY = -lightY * SHADOW_DISTANCE * radius;
    const reach = radius * (Math.max(object.squeeze, 1 / object.squeeze) + SHADOW_DISTANCE) + 1 / size;
    const { firstRow, lastRow, firstColumn, lastColumn } = this.#pixels(
      center[0] - reach,
      center[1] - reach,
      center[0] + reach,
      center[1] + reach,
    );
    for (let row = firstRow; row <= lastRow; row++) {
      const y = (row + 0.5) / size - center[1];
      for (let column = firstColumn; column <= lastColumn; column++) {
        const x = (column + 0.5) / size - center[0];
        const at = 3 * (row * size + column);
        const distance = radius * silhouette(a * x + b * y, c * x + d * y);
        const coverage = Math.min(1, 0.5 - distance * size);
        if (coverage < 1 && light.shadow > 0) {
          const fromX = x - shadowX;
          const fromY = y - shadowY;
          const dark = 0.5 - (radius * silhouette(a * fromX + b * fromY, c * fromX + d * fromY)) / (0.2 * radius);
          if (dark > 0) {
            const kept = 1 - light.shadow * Math.min(1, dark);
            canvas[at] *= kept;
            canvas[at + 1] *= kept;
            canvas[at + 2] *= kept;
          }
        }
        if (coverage <= 0) continue;
        const amount = paint(x, y);
        const towards = (x * lightX + y * lightY) / radius;
        const rim = Math.max(0, 1 + distance / (RIM * radius));
        const shade = 1 + light.strength * towards * (0.6 + 1.6 * rim);
        for (let channel = 0; channel < 3; channel++) {
          const ink = shade * (cover.first[channel] + amount * (cover.second[channel] - cover.first[channel]));
          canvas[at + channel] += coverage * (ink - canvas[at + channel]);
        }
      }
    }
  }

  /** Applies exposure, colour of the light and grain, and converts to 8 bits. */
  #develop({ light, grain, object }: Scene, target: Uint8Array): void {
    const gains = light.cast.map((channel) => 255 * light.exposure * channel);
    // An integer that differs between scenes gives each its own grain.
    const offset = Math.floor(object.center[0] * 2 ** 24);
    for (let i = 0, pixel = offset; i < target.length; i += 3, pixel++) {
      const noise = 255 * grain * (lattice(pixel, offset) + lattice(offset, pixel) - 1);
      for (let channel = 0; channel < 3; channel++) {
        const value = this.#canvas[i + channel] * gains[channel] + noise;
        target[i + channel] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    }
  }

  #blend(at: number, colour: Colour, coverage: number): void {
    const canvas = this.#canvas;
    canvas[at] += coverage * (colour[0] - canvas[at]);
    canvas[at + 1] += coverage * (colour[1] - canvas[at + 1]);
    canvas[at + 2] += coverage * (colour[2] - canvas[at + 2]);
  }

  /** The pixels that a rectangle touches, and a margin of one pixel around them. */
  #pixels(
    left: number,
    top: number,
    right: number,
    bottom: number,
  ): Record<"firstRow" | "lastRow" | "firstColumn" | "lastColumn", number> {
    const last = this.#size - 1;
    return {
      firstRow: Math.max(0, Math.floor(top * this.#size) - 1),
      lastRow: Math.min(last, Math.ceil(bottom * this.#size)),
      firstColumn: Math.max(0, Math.floor(left * this.#size) - 1),
      lastColumn: Math.min(last, Math.ceil(right * this.#size)),
    };
  }
}

/** The weight of the second colour of a cover at each position. */
function painter({ texture, period, angle, shift }: Cover, size: number): (x: number, y: number) => number {
  const draw: Texture = TEXTURE_LIST[texture];
  const cosine = Math.cos(angle) / period;
  const sine = Math.sin(angle) / period;
  // A transition is about one and a half pixels wide.
  const sharpness = Math.max(0.5, (period * size) / 6);
  return (x, y) => draw(cosine * x + sine * y + shift[0], cosine * y - sine * x + shift[1], sharpness);
}

/** The matrix from positions relative to the centre of an object to the coordinates of its silhouette. */
function toObject({ radius, angle, squeeze, squeezeAngle }: Scene["object"]): [number, number, number, number] {
  // Squeeze along an axis: turn it to the x axis, scale and turn back. Then turn the whole silhouette.
  const cosine = Math.cos(squeezeAngle);
  const sine = Math.sin(squeezeAngle);
  const across = 1 / squeeze;
  const xx = across * cosine * cosine + squeeze * sine * sine;
  const yy = across * sine * sine + squeeze * cosine * cosine;
  const xy = (across - squeeze) * cosine * sine;
  const turnCosine = Math.cos(angle) / radius;
  const turnSine = Math.sin(angle) / radius;
  return [
    turnCosine * xx + turnSine * xy,
    turnCosine * xy + turnSine * yy,
    turnCosine * xy - turnSine * xx,
    turnCosine * yy - turnSine * xy,
  ];
}
