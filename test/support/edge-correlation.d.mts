/** Pearson's correlation of the edge maps (Sobel magnitude of the luminance) of two images (H, W, 3). */
export function edgeCorrelation(a: Uint8Array, b: Uint8Array, height: number, width: number): number;
