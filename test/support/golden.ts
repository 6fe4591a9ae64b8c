/** Golden tensors, read from the files that the scripts beside them made. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeSafetensors } from "../../src/runs/safetensors.js";
import { type DType, fromArray, type Tensor } from "../../src/tensor/index.js";
