/** A libtorch that an addon can be built against: headers and libraries are complete, and the C++ ABI is the new one. */
export interface Libtorch {
  /** Who named it: the setting LIBTORCH, a Python that has torch, or the system's package. */
  readonly source: "LIBTORCH" | "python" | "system";
  /** The Python that has it, where `source` is `python`. */
  readonly python?: string;
  readonly root: string;
  /** For example `1.13.0`, from its headers. */
  readonly version: string;
  /** Whether it was built with CUDA. */
  readonly cuda: boolean;
  readonly includeDirs: readonly string[];
  readonly libraryDir: string;
}

export declare class LibtorchError extends Error {
  readonly code: "ERR_LIBTORCH_SETTING" | "ERR_LIBTORCH_MISSING";
}

/**
 * Finds libtorch: `LIBTORCH`, then a Python that has torch, then the system's package.
 *
 * @throws LibtorchError `ERR_LIBTORCH_SETTING` where LIBTORCH is set but wrong, `ERR_LIBTORCH_MISSING` where there is none
 */
export declare function findLibtorch(env?: NodeJS.ProcessEnv): Libtorch;
