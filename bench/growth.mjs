/** How the cost of a step grows with the batch, the images, the network and the threads. */
import { median } from "./contest.mjs";
import { startEngine } from "./contestant.mjs";
import { GROWTH } from "./workloads.mjs";

const STEPS = 3;

/** Each point of the engine, a process of its own: the median of three steps after the warm-up. */
export async function measureGrowth(precision, say) {
  const points = [];
  for (const { by, threads, ...workload } of GROWTH) {
    const process = await startEngine(workload, { precision, threads });
    await process.ask({ do: "warm-up" });
    const { ms } = await process.ask({ do: "steps", count: STEPS });
    const { bytes } = await process.ask({ do: "peak" });
    await process.end();
    points.push({
      by,
      ...workload,
      threads: process.hello.threads,
      precision,
      msPerStep: median(ms),
      peakMB: bytes / 1e6,
    });
    say(
      `  growth by ${by}: ${workload.model}, ${workload.batchSize} of ${workload.imageSize} px: ${median(ms).toFixed(0)} ms`,
    );
  }
  return points;
}
