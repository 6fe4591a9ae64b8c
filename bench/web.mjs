// Milliseconds of a page of `export --format web` in Debian's chromium: node bench/web.mjs PAGE PHOTO
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { openChromium } from "./chromium.mjs";

const [folder, photo] = process.argv.slice(2);
const MOVES = 30;
const server = serve({ fetch: new Hono().use(serveStatic({ root: folder })).fetch, port: 0, hostname: "127.0.0.1" });
await new Promise((ready) => server.once("listening", ready));
const browser = await openChromium();
if (browser === undefined) throw new Error("chromium is not installed (Debian: apt-get install chromium)");
const page = await browser.newPage();
const busy = (is) => page.locator(`main[aria-busy=${is}]`).waitFor();
const milliseconds = async (work) => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};
/** The fastest, which other programs held up least, and the median. */
const described = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return `${sorted[0].toFixed(1)} ms at best, ${sorted[Math.floor(sorted.length / 2)].toFixed(1)} ms in the median of ${sorted.length}`;
};

const loading = await milliseconds(async () => {
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.locator(".loading").waitFor({ state: "detached" });
});
await page.locator("input[type=file]").setInputFiles(photo);
await page.locator("canvas").first().waitFor();
const moves = [];
const networks = [];
for (let move = 0; move < MOVES; move++) {
  const slider = page.locator(`input[name=${["gaussian_noise", "jpeg_compression"][move % 2]}]`);
  moves.push(
    await milliseconds(async () => {
      await slider.fill(String(1 + (Math.floor(move / 2) % 5)));
      await busy(false);
    }),
  );
  networks.push((await page.locator(".time").allInnerTexts()).map((text) => Number(/[\d.]+/.exec(text)[0])));
}
console.log(`until the models are loaded: ${loading.toFixed(0)} ms`);
for (const i of networks[0].keys()) {
  console.log(`network ${"AB"[i]}: ${described(networks.map((times) => times[i]))}`);
}
console.log(`from a move of a slider to the answer, noise and JPEG: ${described(moves)}`);
await browser.close();
server.close();
