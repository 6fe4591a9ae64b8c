/** Every comparison with other libraries, one after another, with the flags of each:
 * npm run test:peers -- --python PYTHON [--only TEXT], where TEXT chooses cases within each comparison. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

for (const name of ["weights", "onnx-export", "tensorboard", "shards", "torchrun"]) {
  const script = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const { status } = spawnSync(process.execPath, [script, ...process.argv.slice(2)], { stdio: "inherit" });
  process.exitCode ||= status ?? 1;
}
