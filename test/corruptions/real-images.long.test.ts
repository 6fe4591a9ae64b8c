import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { testData } from "../support/data.js";

const PYTHON = "/usr/bin/python3";
const script = fileURLToPath(new URL("../golden/scripts/check_corruptions.py", import.meta.url));

const cifar10 = testData("cifar10");
const imports = "import cv2, numpy, PIL, scipy, skimage, wand";
const libraries = spawnSync(PYTHON, ["-c", imports]).status === 0;
if (!libraries)
  console.warn(`no ${PYTHON} with OpenCV, SciPy, scikit-image and Wand: corruptions of real images are not compared`);

test.skipIf(cifar10 === undefined || !libraries)(
  "on real images every corruption equals its definition or has its statistics",
  () => {
    const { status, stdout, stderr } = spawnSync(PYTHON, [script, cifar10!], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status, stdout).toBe(0);
  },
);
