/** Bundles the pages that run in a browser, each into a folder of dist/web/ of its own. Called by `npm run build`. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { licenses } from "./web-licenses.mjs";

/** By the page's name, the folder of its index.html. */
const PAGES = {
  classify: "src/web/classify",
  dashboard: "src/dashboard/client",
};

/** What took long on a busy machine is not said. */
const rolldownOptions = { checks: { bundlerTimings: false } };

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));

for (const [name, folder] of Object.entries(PAGES)) {
  const { plugin, text } = licenses();
  await build({
    configFile: false,
    root: path(folder),
    // A page may lie in any folder of a server.
    base: "./",
    publicDir: false,
    logLevel: "warn",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    plugins: [plugin],
    worker: { format: "es", rolldownOptions, plugins: () => [plugin] },
    build: {
      outDir: path(`dist/web/${name}`),
      emptyOutDir: true,
      rolldownOptions,
      target: "es2022",
      modulePreload: { polyfill: false },
      // ONNX Runtime alone is larger than vite's usual limit.
      chunkSizeWarningLimit: 1000,
    },
  });
  writeFileSync(path(`dist/web/${name}/LICENSES.txt`), text());
}
