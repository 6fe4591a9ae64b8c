import type { Libtorch } from "./find-libtorch.mjs";

export interface NativeState {
  /** Path of the addon, built or not. */
  readonly addon: string;
  readonly built: boolean;
  /** Built from the present sources, with the present libtorch, compiler and processor. */
  readonly current: boolean;
}

export declare function nativeState(libtorch?: Libtorch): NativeState;

/** Builds the addon unless it is up to date. */
export declare function buildNative(libtorch?: Libtorch): void;

/** Builds the module of the CUDA kernels on the CPU, for tests, and returns its path. */
export declare function buildEmulation(libtorch?: Libtorch): string;
