/**
 * Finds libtorch: the setting LIBTORCH, then a Python that has torch, then the system's package.
 * Plain JavaScript without dependencies, because it runs before anything is installed or built.
 * As a program it prints what it found as JSON; exit code 2 for a wrong LIBTORCH, 3 where there is none.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** LIBTORCH is set but is not a usable libtorch (`ERR_LIBTORCH_SETTING`), or none was found (`ERR_LIBTORCH_MISSING`). */
export class LibtorchError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "LibtorchError";
    this.code = code;
  }
}

/** Debian's name for this processor, the folder of its libraries under /usr/lib. */
const TRIPLET = `${{ x64: "x86_64", arm64: "aarch64" }[process.arch] ?? process.arch}-linux-gnu`;

/** Where the version is written, newest libtorch first. */
const VERSION_HEADERS = ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"];

/**
 * Finds libtorch; see find-libtorch.d.mts for what is returned.
 * A LIBTORCH that is set but wrong is an error, never a reason to take another one.
 */
export function findLibtorch(env = process.env) {
  if (env.LIBTORCH) {
    const root = resolve(env.LIBTORCH);
    const { libtorch, problem } = inspect(root, "LIBTORCH");
    if (libtorch) return libtorch;
    throw new LibtorchError(
      "ERR_LIBTORCH_SETTING",
      `LIBTORCH must be the folder of a libtorch, with include/ATen/ATen.h and lib/libtorch.so in it; ` +
        `got ${root}, where ${problem}. Correct it, or unset LIBTORCH to search a Python with torch and the system.`,
    );
  }

  const tried = [];
  for (const python of ["python3", "python"]) {
    const root = torchOfPython(python, env);
    if (root === undefined) {
      tried.push(`${python}: has no torch`);
      continue;
    }
    if (existsSync(join(root, "include/ATen")) && realpathSync(join(root, "include/ATen")) === "/usr/include/ATen") {
      tried.push(`${python}: its torch is the system's package`); // Debian's python3-torch links to libtorch-dev
      continue;
    }
    const { libtorch, problem } = inspect(root, "python", python);
    if (libtorch) return libtorch;
    tried.push(`${python}: its torch is ${root}, but ${problem}`);
  }

  const { libtorch, problem } = inspect("/usr", "system");
  if (libtorch) return libtorch;
  tried.push(`system: ${problem}`);
  throw new LibtorchError("ERR_LIBTORCH_MISSING", `no libtorch was found.\n  ${tried.join("\n  ")}`);
}

/** Looks at one folder, and says either what libtorch it is or the first thing that is wrong with it. */
function inspect(root, source, python) {
  const include = join(root, "include");
  const wanted = (path) => ({ problem: `${path} does not exist` });
  if (!existsSync(root)) return wanted(root);
  for (const header of ["ATen/ATen.h", "torch/csrc/autograd/variable.h", "torch/csrc/api/include/torch/version.h"]) {
    if (!existsSync(join(include, header))) return wanted(join(include, header));
  }

  const libraryDirs = [join(root, "lib"), join(root, "lib", TRIPLET), join(root, "lib64")];
  const libraryDir = libraryDirs.find((folder) => existsSync(join(folder, "libtorch.so")));
  if (!libraryDir) return wanted(join(libraryDirs[0], "libtorch.so"));
  for (const library of ["libtorch_cpu.so", "libc10.so"]) {
    if (!existsSync(join(libraryDir, library))) return wanted(join(libraryDir, library));
  }

  const version = versionOf(include);
  if (!version) return { problem: `${join(include, VERSION_HEADERS[1])} names no version` };
  // In the name of a function that takes a string, "Ss" is the std::string of the old ABI.
  if (readFileSync(join(libraryDir, "libc10.so")).includes("torchCheckFailEPKcS2_jRKSs")) {
    return {
      problem:
        "libc10.so has the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0) and 1 is needed: take the cxx11 ABI download of " +
        "libtorch, or torch 2.7 or newer",
    };
  }
  const cuda = existsSync(join(libraryDir, "libtorch_cuda.so"));
  const includeDirs = [include, join(include, "torch/csrc/api/include")];
  return { libtorch: { source, python, root, version, cuda, includeDirs, libraryDir } };
}

function versionOf(include) {
  for (const header of VERSION_HEADERS) {
    if (!existsSync(join(include, header))) continue;
    const text = readFileSync(join(include, header), "utf8");
    const parts = ["MAJOR", "MINOR", "PATCH"].map((part) => text.match(`#define TORCH_VERSION_${part} (\\d+)`)?.[1]);
    if (parts.every((part) => part !== undefined)) return parts.join(".");
  }
  return undefined;
}

/** The folder of a Python's torch package, without importing torch, which would take seconds. */
function torchOfPython(python, env) {
  const program =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";
  // From the root folder, so that a folder called torch where the user stands is not taken for the package.
  const { status, stdout } = spawnSync(python, ["-c", program], { cwd: "/", env, encoding: "utf8", timeout: 10_000 });
  return (status === 0 && stdout.trim()) || undefined;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    console.log(JSON.stringify(findLibtorch(), undefined, 2));
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    console.error(error.message);
    process.exitCode = error.code === "ERR_LIBTORCH_SETTING" ? 2 : 3;
  }
}
