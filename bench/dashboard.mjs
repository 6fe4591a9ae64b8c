/**
 * The limits of the dashboard: 500 runs listed, 100,000 metric lines opened, and the server's memory over a day's stream.
 *
 *     npm run build && node bench/dashboard.mjs [hours]      (default: 24 hours of one record a second, as fast as it can be read)
 *
 * Times are from the request to the last byte of the answer of a server that has not seen the runs before; where chromium is
 * installed also from the address to the drawn page. Memory is the server's resident set.
 */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openChromium } from "./chromium.mjs";

const HOURS = Number(process.argv[2] ?? 24);
const RUNS = 500;
const LINES = 100_000;
const REPETITIONS = 5;
const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "advprop-bench-dashboard-"));

/** The files of a run as training writes them. */
function writeRun(path, lines, status = "finished") {
  for (const name of ["images", "evaluation", "checkpoints"]) mkdirSync(join(path, name), { recursive: true });
  const data = {
    name: "shapes",
    classes: Array.from({ length: 10 }, (_, i) => `class ${i}`),
    trainingImages: 4000,
    validationImages: 500,
  };
  const info = {
    schema: 1,
    version: "0.1.0",
    command: ["advprop", "train"],
    createdAt: "2026-11-29T10:00:00.000Z",
    resumedAt: [],
    status,
    data,
  };
  writeFileSync(join(path, "run.json"), JSON.stringify(info));
  const recipe =
    "model: resnet20\nmethod: advprop\nseed: 0\ndata:\n  path: shapes\ntraining:\n  epochs: 10\n  batchSize: 128\n";
  writeFileSync(join(path, "recipe.yaml"), recipe + "optimizer:\n  name: sgd\n  lr: 0.1\n");
  writeFileSync(join(path, "environment.json"), JSON.stringify({ node: process.versions.node }));
  writeFileSync(join(path, "metrics.jsonl"), lines);
  const perClass = data.classes.map((name) => ({ name, count: 100, accuracy: 0.8 }));
  const confusion = data.classes.map((_, i) => data.classes.map((_, j) => (i === j ? 91 : 1)));
  const evaluation = {
    schema: 1,
    createdAt: info.createdAt,
    route: "main",
    data: { name: "shapes", split: "test" },
    count: 1000,
    accuracy: 0.8,
    loss: 0.6,
    balancedAccuracy: 0.8,
    perClass,
    confusion,
  };
  writeFileSync(join(path, "evaluation/test-main.json"), JSON.stringify(evaluation, null, 2));
}

const record = (step) =>
  `${JSON.stringify({
    ...{
      type: "step",
      step,
      epoch: Math.floor(step / 1000),
      learningRate: 0.1 * Math.cos(step / 1e5),
      cleanLoss: 2 / Math.log(step + 2),
    },
    ...{
      adversarialLoss: 2.2 / Math.log(step + 2),
      gradientNorm: 1 + Math.sin(step) / 3,
      imagesPerSecond: 400 + (step % 13),
      waitingShare: 0.02,
    },
  })}\n`;

async function serve(path) {
  const server = spawn(process.execPath, [MAIN, "dashboard", path, "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = await new Promise((resolve) => server.stdout.once("data", (...data) => resolve(data)));
  return { server, url: /http:\S+\d/.exec(text)[0] };
}

async function timed(url) {
  const start = performance.now();
  const response = await fetch(url);
  const { length } = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return { milliseconds: performance.now() - start, length };
}

/** Median and largest over new servers, the first request of each. */
async function firstAnswers(path, address) {
  const times = [];
  let size = 0;
  for (let i = 0; i < REPETITIONS; i++) {
    const { server, url } = await serve(path);
    const { milliseconds, length } = await timed(url + address);
    times.push(milliseconds);
    size = length;
    server.kill();
  }
  times.sort((a, b) => a - b);
  return `${times[REPETITIONS >> 1].toFixed(0)} ms (most ${times.at(-1).toFixed(0)}), ${(size / 1024).toFixed(0)} KiB`;
}

/** From the beginning of the navigation until the page has what is waited for. */
async function drawn(path, address, selector) {
  const browser = await openChromium();
  if (browser === undefined) return "not measured: chromium is not installed";
  try {
    const times = [];
    for (let i = 0; i < REPETITIONS; i++) {
      const { server, url } = await serve(path);
      const page = await browser.newPage();
      // The time of the frame after the one in which it is there: the page itself knows it best.
      await page.addInitScript(`
        const look = () => requestAnimationFrame(() => {
          if (document.querySelector(${JSON.stringify(selector)})) requestAnimationFrame((next) => { window.drawnAt = next; });
          else look();
        });
        look();
      `);
      await page.goto(url + address);
      let time;
      while (time === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        time = await page.evaluate("window.drawnAt");
      }
      times.push(time);
      await page.close();
      server.kill();
    }
    times.sort((a, b) => a - b);
    return `${times[REPETITIONS >> 1].toFixed(0)} ms (most ${times.at(-1).toFixed(0)})`;
  } finally {
    await browser.close();
  }
}

const residentMegabytes = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;

/** A day of a run: each second of it a record, each minute of it a look at the page's addresses, and a page that listens. */
async function stream(path) {
  const run = join(path, "live");
  writeRun(run, "", "running");
  const { server, url } = await serve(path);
  const listening = await fetch(`${url}/api/events`);
  void listening.body.pipeTo(new WritableStream()).catch(() => {});
  const marks = [];
  const seconds = HOURS * 3600;
  let step = 0;
  for (let hour = 0; hour < HOURS; hour++) {
    for (let minute = 0; minute < 60; minute++) {
      let text = "";
      for (let second = 0; second < 60; second++) text += record(++step);
      appendFileSync(join(run, "metrics.jsonl"), text);
      for (const address of ["/api/runs", "/api/series?run=live", "/api/run?run=live"]) await timed(url + address);
    }
    marks.push(residentMegabytes(server.pid));
  }
  const { milliseconds } = await timed(`${url}/api/series?run=live`);
  server.kill();
  console.log(
    `${seconds} records of ${HOURS} hours; resident MB after each hour: ${marks.map((mark) => mark.toFixed(0)).join(" ")}`,
  );
  console.log(`An answer at the end: ${milliseconds.toFixed(0)} ms`);
}

try {
  const many = join(folder, "many");
  const short = Array.from({ length: 200 }, (_, i) => record(i + 1)).join("");
  for (let i = 0; i < RUNS; i++) writeRun(join(many, `run-${String(i).padStart(3, "0")}`), short);
  const long = join(folder, "long");
  writeRun(join(long, "run"), Array.from({ length: LINES }, (_, i) => record(i + 1)).join(""));
  const megabytes = (readFileSync(join(long, "run/metrics.jsonl")).length / 1e6).toFixed(1);
  console.log(`${RUNS} runs, the answer:            ${await firstAnswers(many, "/api/runs")}`);
  console.log(`${RUNS} runs, the page:              ${await drawn(many, "/", `tbody tr:nth-child(${RUNS})`)}`);
  console.log(`${LINES} lines (${megabytes} MB), the answer: ${await firstAnswers(long, "/api/series?run=run")}`);
  console.log(`${LINES} lines, the page:           ${await drawn(long, "/?view=curves", ".charts canvas")}`);
  const day = join(folder, "day");
  mkdirSync(day);
  await stream(day);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
