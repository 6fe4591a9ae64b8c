import type { Libtorch } from "./find-libtorch.mjs";

export interface NativeState {
  /** Path of the addon, built or not. */
  readonly addon: string;
  readonly built: boolean;
  /** Built from the present sources, with the present libtorch, compiler and processor. */
  readonly current: boolean;
}

export declare function nativeState(libtorch?: Libtorch): NativeState;

/** The compilation failed, or there can be none on this system. The message has the compiler's output and the likely fix. */
export declare class BuildError extends Error {}

/**
 * Builds the addon unless it is up to date.
 *
 * @throws BuildError
 */
export declare function buildNative(libtorch?: Libtorch): void;

/** Builds the module of the CUDA kernels on the CPU, for tests, and returns its path. */
export declare function buildEmulation(libtorch?: Libtorch): string;
