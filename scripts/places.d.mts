/** The root folder of the package. */
export declare const ROOT: string;

/** Whether this is an installed package rather than a checkout. */
export declare const INSTALLED: boolean;

/** The command that makes what is missing. */
export declare const SETUP: string;

/** The last sentence, without its full stop, of every error that is due to a missing engine. */
export declare const ENGINE_REMEDY: string;

/** The folder of the engine and of the addon that reads photos, which need not exist. */
export declare function engineFolder(env?: NodeJS.ProcessEnv): string;

/** The folder in which set-up installs ONNX Runtime where a project has none; it need not exist. */
export declare function onnxRuntimeFolder(env?: NodeJS.ProcessEnv): string;

/** The version of ONNX Runtime that this package was tested with. */
export declare function onnxRuntimeVersion(): string;

/** The model and the instruction sets of the first core. */
export declare function processor(): string;

/** SHA-256 of {@link processor}. */
export declare function processorDigest(): string;

/** Whether the addons in a folder were built on a processor like this one; true if the folder does not say so. */
export declare function isForThisProcessor(folder: string): boolean;

/** SHA-256 of some strings and bytes, one after another, in hexadecimal digits. */
export declare function digest(parts: Iterable<string | Uint8Array>): string;
