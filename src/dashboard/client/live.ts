/** The live list of runs from the server, and the data that are fetched for the shown runs. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Change, Listing, RunSummary } from "../wire.js";

export interface Live {
  readonly listing: Listing | undefined;
  readonly connected: boolean;
}

export function useLive(): Live {
  const [listing, setListing] = useState<Listing>();
  const [connected, setConnected] = useState(false);
  useEffect(() => {
    const source = new EventSource("api/events");
    source.addEventListener("open", () => setConnected(true));
    source.addEventListener("error", () => setConnected(false));
    source.addEventListener("listing", ({ data }) => setListing(JSON.parse(data)));
    source.addEventListener("change", ({ data }) => {
      const change: Change = JSON.parse(data);
      setListing((before) => before && changed(before, change));
    });
    return () => source.close();
  }, []);
  return { listing, connected };
}

function changed(before: Listing, { runs, removed, reports }: Change): Listing {
  const all = new Map(before.runs.map((run) => [run.id, run] as const));
  for (const run of runs) all.set(run.id, run);
  for (const id of removed) all.delete(id);
  return { ...before, runs: [...all.values()], reports: reports ?? before.reports };
}

/** Milliseconds until a failed request is repeated. */
const RETRY = 3000;

/** A resource of the server. It is fetched again when its version changes. */
export interface Request {
  readonly key: string;
  readonly url: string;
  readonly version: number | string;
}

/**
 * The answers by the keys of the requests. Pending and failed requests have no answer. An old answer is kept until the new one arrives.
 * There is only one request per key at a time, so that a slow server is not overloaded.
 */
export function useFetched<Answer>(requests: readonly Request[]): ReadonlyMap<string, Answer> {
  const answers = useRef(
    new Map<string, { readonly requested: string; readonly answer: Answer | undefined }>(),
  ).current;
  const asking = useRef(new Set<string>()).current;
  const [count, setCount] = useState(0);
  const signature = requests.map(({ key, url, version }) => `${key} ${url} ${version}`).join("\n");
  useEffect(() => {
    const wanted = new Set(requests.map(({ key }) => key));
    for (const key of answers.keys()) if (!wanted.has(key)) answers.delete(key);
    for (const { key, url, version } of requests) {
      const requested = `${url} ${version}`;
      if (asking.has(key) || answers.get(key)?.requested === requested) continue;
      asking.add(key);
      const done = () => {
        asking.delete(key);
        setCount((before) => before + 1);
      };
      fetch(url)
        .then(async (response) => {
          const answer = response.ok ? await response.json() : undefined;
          answers.set(key, { requested, answer: answer ?? answers.get(key)?.answer });
          done();
        })
        .catch(() => setTimeout(done, RETRY)); // the server does not answer, but may come back
    }
  }, [signature, count]);
  const found = requests.flatMap(({ key }) => {
    const answer = answers.get(key)?.answer;
    return answer === undefined ? [] : [[key, answer] as const];
  });
  return new Map(found);
}

/** A request to one address of the server for each run. */
export const requestsFor = (
  path: string,
  runs: readonly RunSummary[],
  version: (run: RunSummary) => number | string,
  more = "",
): Request[] =>
  runs.map((run) => ({
    key: run.id,
    url: `api/${path}?run=${encodeURIComponent(run.id)}${more}`,
    version: version(run),
  }));
