/**
 * Builds the native addon, build/native/advprop.node, where it is not there or out of date, and beside it photos.node, which
 * photos are read with where libjpeg-turbo is installed.
 * As a program: no argument builds, `--check` only says by exit code 0 or 1 whether it is up to date.
 * With ADVPROP_CUDA=ON in the environment the kernels of native/cuda are compiled too: see docs/cuda.md.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, freemem } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLibtorch, LibtorchError } from "./find-libtorch.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SOURCES = join(ROOT, "native");
const OUTPUT = join(ROOT, "build/native");
const CMAKE_TREE = join(OUTPUT, "cmake");
const ADDON = join(OUTPUT, "advprop.node");
const PHOTOS = join(OUTPUT, "photos.node");
const STAMP = join(OUTPUT, "stamp");
const CUDA = process.env.ADVPROP_CUDA === "ON";

/** Whether the addon is there and made from the present sources, libtorch, compiler and processor. */
export function nativeState(libtorch = findLibtorch()) {
  const built = existsSync(ADDON);
  const current = built && existsSync(STAMP) && readFileSync(STAMP, "utf8") === stampOf(libtorch).whole;
  return { addon: ADDON, built, current };
}

/** Builds the addon unless it is up to date. Throws a `BuildError` with the whole output and the likely fix. */
export function buildNative(libtorch = findLibtorch()) {
  if (nativeState(libtorch).current) return;
  const stamp = stampOf(libtorch);
  console.error(`Building the native engine with libtorch ${libtorch.version} (${libtorch.libraryDir})`);
  configure(libtorch, stamp.environment);
  cmake(["--build", CMAKE_TREE, `-j${compilers()}`]);

  // Moved into place whole, and without a stamp until it is there: a build that is killed is never taken for done.
  rmSync(STAMP, { force: true });
  for (const addon of [ADDON, PHOTOS]) {
    const made = join(CMAKE_TREE, basename(addon));
    rmSync(`${addon}.new`, { force: true });
    if (existsSync(made)) {
      copyFileSync(made, `${addon}.new`);
      renameSync(`${addon}.new`, addon);
    } else rmSync(addon, { force: true }); // photos.node without libjpeg-turbo
  }
  writeFileSync(STAMP, stamp.whole);
}

/** Builds the module of the CUDA kernels on the CPU, for tests, and returns its path. Throws like `buildNative`. */
export function buildEmulation(libtorch = findLibtorch()) {
  configure(libtorch, stampOf(libtorch).environment);
  cmake(["--build", CMAKE_TREE, "--target", "emulated", `-j${compilers()}`]);
  return join(CMAKE_TREE, "emulated.node");
}

function configure(libtorch, environment) {
  // Object files outlive a change of sources only: CMake does not see a new processor or an upgraded libtorch.
  const treeStamp = join(CMAKE_TREE, "stamp");
  if (!existsSync(treeStamp) || readFileSync(treeStamp, "utf8") !== environment) {
    rmSync(CMAKE_TREE, { recursive: true, force: true });
    mkdirSync(CMAKE_TREE, { recursive: true });
    writeFileSync(treeStamp, environment);
  }
  const settings = {
    LIBTORCH_INCLUDE_DIRS: libtorch.includeDirs.join(";"),
    LIBTORCH_LIBRARY_DIR: libtorch.libraryDir,
    LIBTORCH_VERSION: libtorch.version,
    NODE_API_INCLUDE_DIR: join(ROOT, "node_modules/node-api-headers/include"),
    ADVPROP_CUDA: CUDA ? "ON" : "OFF",
  };
  cmake(["-S", SOURCES, "-B", CMAKE_TREE, ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)]);
}

/** Compilers that run at a time: one a core, as long as each has the memory that a file with libtorch's headers takes; two at least. */
const compilers = () => Math.max(2, Math.min(availableParallelism(), Math.floor(freemem() / 1.5e9)));

class BuildError extends Error {}

function cmake(args) {
  // One at a time: the compilers of a build that was killed may still be at work on the same files.
  const command = [join(OUTPUT, "lock"), "cmake", ...args];
  const { error, status, stdout, stderr } = spawnSync("flock", command, { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (error) throw error;
  if (status !== 0) {
    const output = stdout + stderr;
    throw new BuildError(
      `${output}\nThe native engine was not built: cmake ${args.join(" ")} failed.${likelyFix(output)}`,
    );
  }
  process.stderr.write(stderr); // compiler warnings
}

function likelyFix(output) {
  const fixes = [
    [/failed to execute cmake/, "install cmake: apt-get install cmake"],
    [/No CMAKE_CXX_COMPILER|CMAKE_CXX_COMPILER-NOTFOUND/, "install a C++ compiler: apt-get install g++"],
    [/CMAKE_MAKE_PROGRAM is not set/, "install make: apt-get install make"],
    [/Killed signal|out of memory|cc1plus.*Killed/, "the compiler ran out of memory: stop other programs, or add swap"],
    [/No space left on device/, "free some disk space"],
    [/node_api\.h: No such file/, "install the packages: npm ci"],
    [/cannot find -l|undefined reference/, "libtorch's headers and libraries differ in version: reinstall it"],
    [/fatal error: .*: No such file/, "a header of libtorch is missing: apt-get install --reinstall libtorch-dev"],
  ];
  const fix = fixes.find(([pattern]) => pattern.test(output))?.[1];
  return fix ? `\nLikely fix: ${fix}` : "";
}

/** Everything that the addon depends on: `environment` is all but our sources, `whole` is all. */
function stampOf(libtorch) {
  const library = statSync(join(libtorch.libraryDir, "libtorch_cpu.so"));
  const environment = digest([
    ROOT, // CMake refuses a tree that was moved
    JSON.stringify(libtorch),
    `${library.size} ${library.mtimeMs}`,
    process.versions.modules,
    spawnSync(process.env.CXX || "c++", ["--version"], { encoding: "utf8" }).stdout ?? "",
    process.env.CXXFLAGS ?? "",
    CUDA ? "CUDA" : "",
    processor(),
    existsSync("/usr/include/jpeglib.h") ? "libjpeg" : "", // so that it is used once it is installed
  ]);
  const sources = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  return { environment, whole: digest([environment, ...sources.flatMap((path) => [path, readFileSync(path)])]) };
}

/** What `-march=native` looks at: the model and the instruction sets of the first core. */
function processor() {
  if (!existsSync("/proc/cpuinfo")) return process.arch;
  const lines = readFileSync("/proc/cpuinfo", "utf8").split("\n\n")[0].split("\n");
  return lines
    .filter((line) => /^(vendor_id|cpu family|model|model name|flags|Features|CPU part)\s*:/.test(line))
    .join("\n");
}

function digest(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const check = process.argv[2] === "--check";
  try {
    if (!check) buildNative();
    else if (!nativeState().current) process.exitCode = 1;
  } catch (error) {
    if (check && error.code === "ERR_LIBTORCH_MISSING") process.exitCode = 1;
    else if (error instanceof LibtorchError || error instanceof BuildError) {
      console.error(error.message);
      process.exitCode = 2;
    } else throw error;
  }
}
