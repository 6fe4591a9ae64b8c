/** The state of the page. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { WebModel } from "../../runs/web-models.js";
import { Client } from "./client.js";
import { NO_CORRUPTION, type Severities } from "./corruptions.js";
import type { Result } from "./protocol.js";

export interface Shown {
  /** Name of the photo's file. */
  readonly name: string;
  /** Result without corruption. */
  readonly clean: Result;
  /** Result with the corruptions that the sliders had at the time of the request. */
  readonly now: Result;
}

export interface PageState {
  /** Undefined until the list is loaded. */
  readonly models: readonly WebModel[] | undefined;
  /** Whether the models are loaded. */
  readonly ready: boolean;
  /** Whether the worker is busy. */
  readonly busy: boolean;
  /** The last error, as a message for the user. */
  readonly problem: string | undefined;
  readonly severities: Severities;
  readonly shown: Shown | undefined;
  show(photo: File | undefined): void;
  setSeverities(severities: Severities): void;
}

export function useClassifier(): PageState {
  const client = useMemo(() => new Client(), []);
  const [models, setModels] = useState<readonly WebModel[]>();
  const [ready, setReady] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [shown, setShown] = useState<Shown>();
  const [severities, setSeverities] = useState(NO_CORRUPTION);
  // The next request once the worker is free: of many moves of a slider only the last one is sent.
  const wanted = useRef(NO_CORRUPTION);
  const sliding = useRef(false);
  const works = useRef(0);

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    works.current++;
    setBusy(true);
    try {
      await work();
    } catch (error) {
      setProblem((error as Error).message);
    }
    works.current--;
    setBusy(works.current > 0);
  };

  useEffect(() => {
    void attempt(async () => {
      await client.open(setModels);
      setReady(true);
    });
  }, [client]);

  const show = (photo: File | undefined): void => {
    if (photo === undefined) {
      setProblem("That was not a file. Save the photo first, then drop or choose the file.");
      return;
    }
    setProblem(undefined);
    void attempt(async () => {
      await client.show(photo);
      const clean = await client.classify(NO_CORRUPTION);
      let done = NO_CORRUPTION;
      let now = clean;
      while (done !== wanted.current) {
        done = wanted.current;
        now = await client.classify(done);
      }
      setShown({ name: photo.name, clean, now });
    });
  };

  const change = (next: Severities): void => {
    setSeverities(next);
    wanted.current = next;
    if (sliding.current || shown === undefined) return;
    sliding.current = true;
    void attempt(async () => {
      let done: Severities | undefined;
      while (done !== wanted.current) {
        done = wanted.current;
        const now = await client.classify(done);
        setShown((before) => before && { ...before, now });
      }
    }).then(() => {
      sliding.current = false;
    });
  };

  return { models, ready, busy, problem, severities, shown, show, setSeverities: change };
}
