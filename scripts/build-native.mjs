/**
 * Builds the native addon, advprop.node, where it is not there or out of date, and beside it photos.node, which photos are
 * read with where libjpeg-turbo is installed: in build/native, or for an installed package in a folder of the user's.
 * As a program: no argument builds, `--check` only says by exit code 0 or 1 whether it is up to date.
 * With ADVPROP_CUDA=ON in the environment the kernels of native/cuda are compiled too: see docs/cuda.md.
 * With ADVPROP_DEBUG=ON it is a build for a debugger, without optimisation: see CONTRIBUTING.md.
 */
import { spawnSync } from "node:child_process";
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
import { createRequire } from "node:module";
import { availableParallelism, freemem } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { findLibtorch, LibtorchError } from "./find-libtorch.mjs";
import { digest, ENGINE_REMEDY, engineFolder, INSTALLED, processor, processorDigest, ROOT } from "./places.mjs";

const SOURCES = join(ROOT, "native");
const OUTPUT = engineFolder();
const CMAKE_TREE = join(OUTPUT, "cmake");
const ADDON = join(OUTPUT, "advprop.node");
const PHOTOS = join(OUTPUT, "photos.node");
const STAMP = join(OUTPUT, "stamp");
const PROCESSOR = join(OUTPUT, "processor");
const CUDA = process.env.ADVPROP_CUDA === "ON";
const DEBUG = process.env.ADVPROP_DEBUG === "ON";

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
  writeFileSync(PROCESSOR, processorDigest());
  for (const addon of [ADDON, PHOTOS]) {
    const made = join(CMAKE_TREE, basename(addon));
    rmSync(`${addon}.new`, { force: true });
    if (existsSync(made)) {
      copyFileSync(made, `${addon}.new`);
      renameSync(`${addon}.new`, addon);
    } else rmSync(addon, { force: true }); // photos.node without libjpeg-turbo
  }
  writeFileSync(STAMP, stamp.whole);
  if (INSTALLED) rmSync(CMAKE_TREE, { recursive: true, force: true }); // nobody changes its sources, and it is large
}

/** Builds the module of the CUDA kernels on the CPU, for tests, and returns its path. Throws like `buildNative`. */
export function buildEmulation(libtorch = findLibtorch()) {
  configure(libtorch, stampOf(libtorch).environment);
  cmake(["--build", CMAKE_TREE, "--target", "emulated", `-j${compilers()}`]);
  return join(CMAKE_TREE, "emulated.node");
}

function configure(libtorch, environment) {
  if (process.platform !== "linux") throw new BuildError(ENGINE_REMEDY);
  // Object files outlive a change of sources only: CMake does not see a new processor or an upgraded libtorch, and refuses a
  // tree that was moved.
  const treeStamp = join(CMAKE_TREE, "stamp");
  const tree = digest([environment, ROOT, CMAKE_TREE]);
  if (!existsSync(treeStamp) || readFileSync(treeStamp, "utf8") !== tree) {
    rmSync(CMAKE_TREE, { recursive: true, force: true });
    mkdirSync(CMAKE_TREE, { recursive: true });
    writeFileSync(treeStamp, tree);
  }
  const settings = {
    CMAKE_BUILD_TYPE: DEBUG ? "Debug" : "Release",
    LIBTORCH_INCLUDE_DIRS: libtorch.includeDirs.join(";"),
    LIBTORCH_LIBRARY_DIR: libtorch.libraryDir,
    LIBTORCH_VERSION: libtorch.version,
    NODE_API_INCLUDE_DIR: nodeApiHeaders(),
    ADVPROP_CUDA: CUDA ? "ON" : "OFF",
  };
  cmake(["-S", SOURCES, "-B", CMAKE_TREE, ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)]);
}

/** Wherever the package manager has put them. */
function nodeApiHeaders() {
  return join(dirname(createRequire(import.meta.url).resolve("node-api-headers/package.json")), "include");
}

/** Compilers that run at a time: one a core, as long as each has the memory that a file with libtorch's headers takes; two at least. */
const compilers = () => Math.max(2, Math.min(availableParallelism(), Math.floor(freemem() / 1.5e9)));

/** The compilation failed, or there can be none on this system. */
export class BuildError extends Error {}

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
    [/node_api\.h: No such file/, "install the packages anew: npm ci, or in a project of yours npm install"],
    [/cannot find -l|undefined reference/, "libtorch's headers and libraries differ in version: reinstall it"],
    [/fatal error: .*: No such file/, "a header of libtorch is missing: apt-get install --reinstall libtorch-dev"],
  ];
  const fix = fixes.find(([pattern]) => pattern.test(output))?.[1];
  return fix ? `\nLikely fix: ${fix}` : "";
}

/**
 * Everything that the addon depends on: `environment` is all but our sources, `whole` is all. The place of the sources is no
 * part of it, nor the version of Node, whose interface for addons does not change.
 */
function stampOf(libtorch) {
  const library = statSync(join(libtorch.libraryDir, "libtorch_cpu.so"));
  const environment = digest([
    JSON.stringify(libtorch),
    `${library.size} ${library.mtimeMs}`,
    spawnSync(process.env.CXX || "c++", ["--version"], { encoding: "utf8" }).stdout ?? "",
    process.env.CXXFLAGS ?? "",
    `${CUDA ? "CUDA" : ""}${DEBUG ? "debug" : ""}`,
    processor(),
    existsSync("/usr/include/jpeglib.h") ? "libjpeg" : "", // so that it is used once it is installed
  ]);
  const sources = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  return {
    environment,
    whole: digest([environment, ...sources.flatMap((path) => [relative(SOURCES, path), readFileSync(path)])]),
  };
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
