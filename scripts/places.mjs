/**
 * Where the parts lie that set-up makes. In a checkout that is its build/. An installed package may be read-only and is
 * replaced as a whole by an update, so there it is a folder of the user's.
 * Plain JavaScript without dependencies, because it runs before anything is installed or built.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root folder of the package. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Whether this is an installed package: it has no TypeScript sources. */
export const INSTALLED = !existsSync(join(ROOT, "tsconfig.build.json"));

/** What makes the engine and all else that is missing. */
export const SETUP = INSTALLED ? "npx advprop setup" : "npm run setup";

/** The last sentence of every error that is due to a missing engine. */
export const ENGINE_REMEDY =
  process.platform === "linux"
    ? `Run: ${SETUP}`
    : `The engine needs Linux, and this is ${process.platform}: train there, in a virtual machine or in a container. ` +
      "Evaluating ONNX files needs no engine";

/** The folder of the engine, advprop.node, and of photos.node. An installed package's is for its version and this processor. */
export function engineFolder(env = process.env) {
  if (!INSTALLED) return join(ROOT, "build/native");
  const { version } = manifest();
  return join(userFolder(env), `engine-${version}-${processorDigest().slice(0, 12)}`);
}

/** The folder in which set-up installs ONNX Runtime where a project has none. */
export function onnxRuntimeFolder(env = process.env) {
  return join(userFolder(env), `onnxruntime-${onnxRuntimeVersion()}`);
}

/** The version of ONNX Runtime that this package was tested with. */
export function onnxRuntimeVersion() {
  return manifest().devDependencies["onnxruntime-node"];
}

/** What `-march=native` looks at: the model and the instruction sets of the first core. */
export function processor() {
  if (!existsSync("/proc/cpuinfo")) return process.arch;
  const lines = readFileSync("/proc/cpuinfo", "utf8").split("\n\n")[0].split("\n");
  return lines
    .filter((line) => /^(vendor_id|cpu family|model|model name|flags|Features|CPU part)\s*:/.test(line))
    .join("\n");
}

export const processorDigest = () => digest([processor()]);

/** Whether the addons in a folder can run here: they have instructions of the processor that they were built on. */
export function isForThisProcessor(folder) {
  const path = join(folder, "processor");
  return !existsSync(path) || readFileSync(path, "utf8") === processorDigest();
}

/** SHA-256 of some strings and bytes, one after another, in hexadecimal digits. */
export function digest(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

function manifest() {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
}

/** As the XDG Base Directory Specification has it: a relative XDG_CACHE_HOME does not count. */
function userFolder({ XDG_CACHE_HOME }) {
  const cache = XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(cache, "advprop");
}
