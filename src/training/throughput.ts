/** How fast a run is. */

/** Images per second over the last steps: an exponential mean, so that it follows the machine. */
export class ThroughputMeter {
  #last = performance.now();
  #secondsPerImage = 0;

  count(images: number): void {
    const now = performance.now();
    const latest = (now - this.#last) / 1000 / images;
    this.#secondsPerImage = this.#secondsPerImage === 0 ? latest : 0.9 * this.#secondsPerImage + 0.1 * latest;
    this.#last = now;
  }

  get rate(): number {
    return this.#secondsPerImage === 0 ? 0 : 1 / this.#secondsPerImage;
  }
}
