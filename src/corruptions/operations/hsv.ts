/** Hue, saturation and value (Smith 1978, "Color gamut transform pairs", SIGGRAPH) as scikit-image computes them. */

/**
 * Changes saturation and value of every pixel of an image (H, W, 3) in [0, 1], in place.
 *
 * @param change takes saturation and value in [0, 1] and returns the new ones, which are then clipped to [0, 1]
 */
export function changeSaturationAndValue(
  image: Float64Array,
  change: (saturation: number, value: number) => readonly [number, number],
): void {
  for (let i = 0; i < image.length; i += 3) {
    const r = image[i];
    const g = image[i + 1];
    const b = image[i + 2];
    const most = Math.max(r, g, b);
    const range = most - Math.min(r, g, b);
    // scikit-image breaks ties in this order: blue, green, red.
    let hue = 0;
    if (range > 0) {
      if (b === most) hue = 4 + (r - g) / range;
      else if (g === most) hue = 2 + (b - r) / range;
      else hue = (g - b) / range;
      hue /= 6;
      hue = (hue < 0 ? hue + 1 : hue) * 6;
    }
    const [saturation, value] = change(range > 0 ? range / most : 0, most);
    const s = Math.min(1, Math.max(0, saturation));
    const v = Math.min(1, Math.max(0, value));

    const sector = Math.floor(hue);
    const f = hue - sector;
    const p = v * (1 - s);
    const q = v * (1 - f * s);
    const t = v * (1 - (1 - f) * s);
    switch (sector % 6) {
      case 0:
        set(image, i, v, t, p);
        break;
      case 1:
        set(image, i, q, v, p);
        break;
      case 2:
        set(image, i, p, v, t);
        break;
      case 3:
        set(image, i, p, q, v);
        break;
      case 4:
        set(image, i, t, p, v);
        break;
      default:
        set(image, i, v, p, q);
    }
  }
}

function set(image: Float64Array, at: number, r: number, g: number, b: number): void {
  image[at] = r;
  image[at + 1] = g;
  image[at + 2] = b;
}
