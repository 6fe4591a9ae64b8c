/** The engine as a contestant: the requests and answers of bench/pytorch_peer.py, and { do: "profile" }. */
import { createInterface } from "node:readline";
import { benchRecipe } from "../dist/cli/bench/recipe.js";
import { Workload } from "../dist/cli/bench/workload.js";
import { engineInfo } from "../dist/tensor/index.js";
import { EvaluationWorkload } from "./evaluation-workload.mjs";

const flags = new Map();
for (let i = 2; i < process.argv.length; i += 2) flags.set(process.argv[i].slice(2), process.argv[i + 1]);
const camelCase = (flag) => flag.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());

const given = Object.fromEntries(Array.from(flags, ([flag, value]) => [camelCase(flag), value]));
const workload = await open(given);
const ANSWERS = {
  "warm-up": () => ({ steps: workload.warmUp() }),
  steps: ({ count }) => {
    const times = Array.from({ length: count }, () => workload.step());
    return { ms: times.map(({ ms }) => ms), minorFaults: times.map(({ minorFaults }) => minorFaults) };
  },
  peak: () => ({ bytes: workload.peakBytes }),
  profile: () => workload.profile(),
};

console.log(JSON.stringify(engineInfo()));
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  console.log(JSON.stringify(ANSWERS[request.do](request)));
}

async function open(options) {
  try {
    return options.method === "evaluation"
      ? new EvaluationWorkload(options)
      : await Workload.open(benchRecipe(options));
  } catch (error) {
    console.error(error.message); // which the one that started this process reports
    process.exit(1);
  }
}
