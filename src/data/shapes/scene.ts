/** The contents of one image of the built-in set, drawn from its key. Lengths are shares of the side of the image. */

import { KeyedRandom, Purpose } from "../../random.js";

/** RGB in [0, 1]. */
export type Colour = readonly [r: number, g: number, b: number];

/** A texture that covers a plane. Position p has the texture coordinates rotate(p) / period + shift. */
export interface Cover {
  /** Index of the texture. */
  readonly texture: number;
  readonly period: number;
  readonly angle: number;
  readonly shift: readonly [number, number];
  readonly first: Colour;
  readonly second: Colour;
}

/** A straight stroke with round ends; a dot where both ends are equal. */
export interface Stroke {
  readonly from: readonly [x: number, y: number];
  readonly to: readonly [x: number, y: number];
  readonly radius: number;
  readonly colour: Colour;
}

export interface Scene {
  readonly background: Cover;
  readonly clutter: readonly Stroke[];
  readonly object: {
    readonly silhouette: number;
    readonly center: readonly [x: number, y: number];
    /** Radius of the circle around the silhouette, before it is squeezed. */
    readonly radius: number;
    readonly angle: number;
    /** The object is `squeeze` times longer along `squeezeAngle`, and shorter by this factor across it. */
    readonly squeeze: number;
    readonly squeezeAngle: number;
    readonly cover: Cover;
  };
  /** In front of the object. */
  readonly occluders: readonly Stroke[];
  readonly light: {
    /** Direction that the light comes from. */
    readonly angle: number;
    /** How much brighter the image and the object are on the side of the light. */
    readonly strength: number;
    readonly shadow: number;
    /** Overall brightness. */
    readonly exposure: number;
    /** Colour of the light. */
    readonly cast: Colour;
  };
  /** Amplitude of the grain. */
  readonly grain: number;
}

/** Identifies an image: the key of all of its draws. */
export interface SceneKey {
  readonly seed: number;
  /** 0 training, 1 validation, 2 test. It is part of the key, so that two splits never share an image. */
  readonly split: number;
  readonly index: number;
}

/** Streams of draws. The texture of the object has its own, so that variants of an image differ in nothing else. */
const SCENE = 0;
const TEXTURE = 1;

/**
 * Draws the texture of an object. With probability `correlation` it is the texture of its class, else any of the ten. So with
 * correlation 0 texture and class are independent. With `foreign` it is one of the nine others.
 */
export function drawTexture(
  { seed, split, index }: SceneKey,
  label: number,
  classes: number,
  correlation: number,
  foreign: boolean,
): number {
  const random = new KeyedRandom(seed, Purpose.synthesis, split, index, TEXTURE);
  if (foreign) return (label + 1 + random.integer(0, classes - 1)) % classes;
  return random.uniform(1) < correlation ? label : random.integer(2, classes);
}

/** Draws everything except the texture of the object, which is given. */
export function drawScene({ seed, split, index }: SceneKey, silhouette: number, texture: number): Scene {
  const random = new KeyedRandom(seed, Purpose.synthesis, split, index, SCENE);
  let next = 0;
  const uniform = (low: number, high: number): number => low + (high - low) * random.uniform(next++);
  const integer = (bound: number): number => random.integer(next++, bound);
  const angle = (): number => uniform(-Math.PI, Math.PI);
  const place = (): readonly [number, number] => [uniform(0, 1), uniform(0, 1)];

  /** Two colours around a luminance. Their hues differ by up to `hues` (the hue circle has length 6). */
  const cover = (kind: number, luminance: number, contrast: number, hues: number, turn: number): Cover => {
    const hue = uniform(0, 6);
    const saturation = uniform(0.1, 0.7);
    return {
      texture: kind,
      period: uniform(0.14, 0.2),
      angle: uniform(-turn, turn),
      shift: [uniform(-8, 8), uniform(-8, 8)],
      first: colour(hue, saturation, luminance + contrast / 2),
      second: colour(hue + uniform(-hues, hues), saturation * uniform(0.5, 1), luminance - contrast / 2),
    };
  };

  // Every tenth image is difficult, with a small and largely hidden object, so that no network gets all of them right.
  const hard = uniform(0, 1) < 0.1;
  const ground = uniform(0.15, 0.75);
  const background = cover(integer(10), ground, uniform(0, 0.07), 0.2, Math.PI);
  // The object is lighter than the background where that is dark, darker where it is light, either of them between.
  const step = uniform(0.2, 0.45);
  const lighter = ground < 0.35 || (ground < 0.55 && uniform(0, 1) < 0.5);
  const luminance = Math.min(0.92, Math.max(0.1, lighter ? ground + step : ground - step));
  const radius = hard ? uniform(0.22, 0.3) : uniform(0.26, 0.42);
  const object = {
    silhouette,
    center: [0.5 + uniform(-1, 1) * (0.5 - radius), 0.5 + uniform(-1, 1) * (0.5 - radius)] as const,
    radius,
    angle: uniform(-0.6, 0.6),
    squeeze: Math.exp(uniform(-0.2, 0.2)),
    squeezeAngle: angle(),
    cover: cover(texture, luminance, uniform(0.25, 0.45), 1, 0.4),
  };

  const clutter = Array.from({ length: 2 + integer(5) }, (): Stroke => {
    const from = place();
    const length = integer(3) === 0 ? 0 : uniform(0.05, 0.4);
    const direction = angle();
    return {
      from,
      to: [from[0] + length * Math.cos(direction), from[1] + length * Math.sin(direction)],
      radius: length === 0 ? uniform(0.025, 0.09) : uniform(0.01, 0.035),
      colour: colour(uniform(0, 6), uniform(0, 0.8), uniform(0.1, 0.9)),
    };
  });

  // An occluder crosses the rim of the object or lies on it. A difficult image has two, half of the others have one.
  const occluders = Array.from({ length: hard ? 2 : integer(2) }, (): Stroke => {
    const towards = angle();
    const away = radius * uniform(0.35, 1);
    const middle = [object.center[0] + away * Math.cos(towards), object.center[1] + away * Math.sin(towards)] as const;
    const bar = integer(2) === 0;
    const half = bar ? uniform(0.2, 0.5) : 0;
    const direction = angle();
    const [dx, dy] = [half * Math.cos(direction), half * Math.sin(direction)];
    return {
      from: [middle[0] - dx, middle[1] - dy],
      to: [middle[0] + dx, middle[1] + dy],
      radius: bar ? uniform(0.02, 0.045) : radius * (hard ? uniform(0.35, 0.6) : uniform(0.18, 0.35)),
      colour: colour(uniform(0, 6), uniform(0, 0.8), uniform(0.1, 0.9)),
    };
  });

  const light = {
    angle: angle(),
    strength: uniform(0.05, 0.35),
    shadow: uniform(0, 0.55),
    exposure: uniform(0.75, 1.15),
    cast: colour(uniform(0, 6), uniform(0, 0.2), 1),
  };
  return { background, clutter, object, occluders, light, grain: uniform(0, 0.05) };
}

/**
 * The colour of a hue (0 red, 2 green, 4 blue), mixed with grey, scaled to a luminance (Rec. 601) within the range of the
 * channels.
 */
function colour(hue: number, saturation: number, luminance: number): Colour {
  const channel = (offset: number): number => {
    const around = Math.abs(((((hue + offset) % 6) + 6) % 6) - 3) - 1;
    return 1 - saturation + saturation * Math.min(1, Math.max(0, around));
  };
  const [r, g, b] = [channel(0), channel(4), channel(2)];
  const scale = luminance / (0.299 * r + 0.587 * g + 0.114 * b);
  return [r * scale, g * scale, b * scale];
}
