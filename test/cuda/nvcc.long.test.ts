/** Everything of native/cuda through CUDA's compiler, where there is one: no GPU is needed for that. */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findLibtorch } from "../../scripts/find-libtorch.mjs";

const SOURCES = fileURLToPath(new URL("../../native/cuda/", import.meta.url));
const hasCompiler = spawnSync("nvcc", ["--version"]).status === 0;
if (!hasCompiler) console.warn("The CUDA kernels are not compiled for GPUs: there is no nvcc.");

describe.skipIf(!hasCompiler)("nvcc compiles", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "advprop-nvcc-"));
    // A libtorch without CUDA has every header that is needed but one, which a build with CUDA writes.
    const written = join(folder, "c10/cuda/impl");
    mkdirSync(written, { recursive: true });
    writeFileSync(join(written, "cuda_cmake_macros.h"), "#pragma once\n#define C10_CUDA_BUILD_SHARED_LIBS\n");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The object file; compilers run side by side. A failure shows what the compiler printed. */
  const compile = async (source: string, flags: readonly string[]) => {
    const output = join(folder, `${source}.o`);
    const all = ["-std=c++17", ...flags, "-c", join(SOURCES, source), "-o", output];
    const { stdout, stderr } = await promisify(execFile)("nvcc", all);
    expect(`${stdout}${stderr}`).toBe("");
    return readFileSync(output);
  };

  const kernels = readdirSync(SOURCES).filter((name) => name.endsWith(".cu"));

  test.concurrent.each(kernels)("%s for compute capabilities 8.0 and 9.0, without a warning", async (source) => {
    const targets = ["80", "90"].flatMap((version) => ["-gencode", `arch=compute_${version},code=sm_${version}`]);
    expect((await compile(source, [...targets, "-Werror", "all-warnings"])).length).toBeGreaterThan(0);
  });

  const { includeDirs } = findLibtorch();

  test.concurrent.each([
    "image_convolution.cpp",
    "layers.cpp",
    "max_pool.cpp",
    "register.cpp",
    "squeeze_excitation.cpp",
    "steps.cpp",
  ])("%s, the operators, against libtorch's headers", async (source) => {
    const includes = [...includeDirs, folder].flatMap((path) => [`-I${path}`]);
    expect((await compile(source, includes)).length).toBeGreaterThan(0);
  });
});
