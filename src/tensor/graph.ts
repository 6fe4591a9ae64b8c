/** CUDA graphs: what a function launches on a GPU, captured once and launched again as a whole. */
import { engineInfo } from "./device.js";
import { native } from "./native.js";
import type { Device } from "./tensor.js";

/** Whether work on a device can be captured: on a GPU, by an engine that was built with its kernels. */
export const canCapture = (device: Device): boolean => device !== "cpu" && engineInfo().cudaKernels;

/** Work that was captured. It reads and writes the memory of the tensors that it was captured with. */
export class DeviceGraph {
  readonly #number: number;

  private constructor(number: number) {
    this.#number = number;
  }

  /**
   * Captures what a function launches, which is not run. Everything that is decided while it is captured (shapes, numbers,
   * branches) stays as it is; tensors made then and kept have their values after each {@link replay}.
   *
   * @throws ERR_LIBTORCH the function reads from the GPU or copies to it; nothing is captured then
   */
  static capture(device: Device, run: () => void): DeviceGraph {
    native.beginCapture(device);
    let failure: unknown;
    try {
      run();
    } catch (error) {
      failure = error ?? new Error("the captured function failed");
    }
    try {
      const graph = new DeviceGraph(native.endCapture());
      if (failure === undefined) return graph;
      graph.dispose();
    } catch (error) {
      failure ??= error;
    }
    throw failure;
  }

  /** Launches the captured work. */
  replay(): void {
    native.replayGraph(this.#number);
  }

  /** Waits for the GPU and gives the graph's memory back. */
  dispose(): void {
    native.disposeGraph(this.#number);
  }
}
