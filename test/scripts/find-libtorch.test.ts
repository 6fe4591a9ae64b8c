import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findLibtorch } from "../../scripts/find-libtorch.mjs";

const VERSION = "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n";
const NEW_ABI = "torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_string";
const OLD_ABI = "torchCheckFailEPKcS2_jRKSs";

/** The files that are looked at. */
const COMPLETE: Readonly<Record<string, string>> = {
  "include/ATen/ATen.h": "",
  "include/torch/csrc/autograd/variable.h": "",
  "include/torch/csrc/api/include/torch/version.h": VERSION,
  "lib/libtorch.so": "",
  "lib/libtorch_cpu.so": "",
  "lib/libc10.so": NEW_ABI,
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "advprop-libtorch-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** An environment whose only Python has its torch in `root`. */
function withPython(root: string): NodeJS.ProcessEnv {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "python3"), `#!/bin/sh\necho '${root}'\n`, { mode: 0o755 });
  return { PATH: bin };
}

describe("LIBTORCH", () => {
  test("names a complete libtorch", () => {
    write(folder, COMPLETE);
    expect(findLibtorch({ LIBTORCH: folder })).toEqual({
      source: "LIBTORCH",
      root: folder,
      version: "2.11.0",
      cuda: false,
      includeDirs: [join(folder, "include"), join(folder, "include/torch/csrc/api/include")],
      libraryDir: join(folder, "lib"),
    });
  });

  test("the version may stand in the header of newer releases", () => {
    write(folder, {
      ...COMPLETE,
      "include/torch/csrc/api/include/torch/version.h": "#include <torch/headeronly/version.h>\n",
      "include/torch/headeronly/version.h": VERSION,
      "lib/libtorch_cuda.so": "",
    });
    expect(findLibtorch({ LIBTORCH: folder })).toMatchObject({ version: "2.11.0", cuda: true });
  });

  test("that does not exist is an error which says what was looked for, never another libtorch", () => {
    const missing = join(folder, "nowhere");
    expect(() => findLibtorch({ ...process.env, LIBTORCH: missing })).toThrow(
      expect.objectContaining({ code: "ERR_LIBTORCH_SETTING", message: expect.stringContaining(`got ${missing}`) }),
    );
  });

  test.each(Object.keys(COMPLETE))("without %s is an error which names it", (path) => {
    const { [path]: _, ...rest } = COMPLETE;
    write(folder, rest);
    expect(() => findLibtorch({ LIBTORCH: folder })).toThrow(`${join(folder, path)} does not exist`);
  });

  test("with the old C++ ABI is an error", () => {
    write(folder, { ...COMPLETE, "lib/libc10.so": OLD_ABI });
    expect(() => findLibtorch({ LIBTORCH: folder })).toThrow("_GLIBCXX_USE_CXX11_ABI=0");
  });
});

describe("a Python that has torch", () => {
  test("comes before the system's package", () => {
    const root = join(folder, "site-packages/torch");
    write(root, COMPLETE);
    expect(findLibtorch(withPython(root))).toMatchObject({ source: "python", python: "python3", root });
  });

  test("is passed over where its headers are missing", () => {
    const root = join(folder, "site-packages/torch");
    write(root, { "lib/libtorch.so": "" });
    let found: string;
    try {
      found = findLibtorch(withPython(root)).source;
    } catch (error) {
      found = (error as Error).message; // where the system has none either
    }
    expect(found === "system" || found.includes(`its torch is ${root}, but ${join(root, "include")}`)).toBe(true);
  });
});
