/** One workload: which form of PyTorch is its best, and then the engine against it, in turns. */
import { peerForms, startEngine, startPeer } from "./contestant.mjs";

/** Time that one turn takes at least, so that a short step is measured several times. */
const TURN_MS = 400;

/** Steps so long that fewer turns must do. */
const SLOW_MS = 3000;
const SLOW_ROUNDS = 3;

/**
 * @param options.python     the peer's Python; undefined for none
 * @param options.threads    numbers of threads that the peer is tried with
 * @param options.precisions of the engine
 * @param options.rounds     turns of each contestant
 */
export async function contest(workload, { python, threads, precisions, rounds, say }) {
  const screening = python === undefined ? [] : await screen(workload, python, threads, say);
  const best = bestForms(screening);
  const contestants = [];
  const notes = [];
  for (const precision of precisions) {
    try {
      const form = { by: "advprop", precision, threads: Math.max(...threads) };
      contestants.push({ form, process: await startEngine(workload, form), turns: [], minorFaults: [] });
    } catch (error) {
      notes.push(`advprop at ${precision}: ${error.message.split("\n").at(-1)}`);
    }
  }
  for (const { ms: _, ...form } of best) {
    const process = await startPeer(python, workload, form);
    contestants.push({ form: { by: "pytorch", ...form }, process, turns: [], minorFaults: [] });
  }

  for (const contestant of contestants) {
    const { steps } = await contestant.process.ask({ do: "warm-up" });
    const { ms } = await contestant.process.ask({ do: "steps", count: 1 });
    Object.assign(contestant, { warmUpSteps: steps, count: Math.max(1, Math.ceil(TURN_MS / ms[0])), longest: ms[0] });
  }
  const slow = contestants.some(({ longest }) => longest > SLOW_MS);
  for (let round = 0; round < (slow ? Math.min(rounds, SLOW_ROUNDS) : rounds); round++) {
    for (const { process, count, turns, minorFaults } of contestants) {
      const answer = await process.ask({ do: "steps", count });
      turns.push(median(answer.ms));
      minorFaults.push(...answer.minorFaults);
    }
  }
  const forms = [];
  for (const { form, process, turns, minorFaults, count, warmUpSteps } of contestants) {
    const { bytes } = await process.ask({ do: "peak" });
    const profile = form.by === "advprop" ? await process.ask({ do: "profile" }) : undefined;
    await process.end();
    forms.push({
      ...form,
      msPerStep: median(turns),
      turns,
      stepsInTurn: count,
      warmUpSteps,
      minorFaultsPerStep: median(minorFaults),
      peakMB: bytes / 1e6,
      ...(profile && { profile }),
    });
    say(`  ${nameOf(form).padEnd(40)} ${median(turns).toFixed(1)} ms per step, peak ${(bytes / 1e6).toFixed(0)} MB`);
  }
  return { ...workload, screening, forms, notes };
}

/** A step so long that the screening measures one after the first instead of two. */
const LONG_MS = 1500;

/** A form whose first step takes longer than this many of the fastest form's is given up, and with it the others of its precision. */
const HOPELESS = 3;

/** Every form of the peer, each a process of its own: the faster of two steps after one to warm up, or `over`, which it exceeded. */
async function screen(workload, python, threads, say) {
  const results = [];
  const hopeless = new Set();
  for (const form of peerForms(threads)) {
    if (hopeless.has(form.precision)) continue;
    const over = HOPELESS * Math.min(...results.map(({ ms }) => ms ?? Number.POSITIVE_INFINITY));
    const process = await startPeer(python, workload, form);
    const first = await process.ask({ do: "steps", count: 1 }, over);
    const again = first && (await process.ask({ do: "steps", count: first.ms[0] > LONG_MS ? 1 : 2 }));
    await process.end();
    if (again === undefined) hopeless.add(form.precision);
    results.push({ ...form, ...(again ? { ms: Math.min(...again.ms) } : { over }) });
    say(`  ${nameOf({ by: "pytorch", ...form }).padEnd(40)} ${screened(results.at(-1))} ms (screening)`);
  }
  return results;
}

/** What the screening of a form found, in milliseconds. */
const screened = ({ ms, over }) => (ms === undefined ? `over ${over.toFixed(0)}` : ms.toFixed(1));

/** The fastest form of each precision, if any was not given up. */
const bestForms = (screening) => {
  const timed = screening.filter(({ ms }) => ms !== undefined);
  return [...new Set(timed.map(({ precision }) => precision))].map((precision) =>
    timed.filter((form) => form.precision === precision).reduce((a, b) => (b.ms < a.ms ? b : a)),
  );
};

export const nameOf = ({ by, precision, threads, allocator }) =>
  [by, precision, `${threads} threads`, allocator].filter((part) => part !== undefined).join(", ");

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
