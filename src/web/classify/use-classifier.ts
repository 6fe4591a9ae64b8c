/** The state of the page. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { WebModel } from "../../runs/web-models.js";
import { Client } from "./client.js";
import { NO_CORRUPTION, type Severities } from "./corruptions.js";
import type { Result } from "./protocol.js";

export interface Shown {
  /** Name of the photo's file. */
  readonly name: string;
  /** Without corruption. */
  readonly clean: Result;
  /** Under the sliders as they were when it was asked for. */
  readonly now: Result;
}

export interface PageState {
  /** Undefined until their list is there. */
  readonly models: readonly WebModel[] | undefined;
  /** Whether the models are loaded. */
  readonly ready: boolean;
  /** Whether the worker has something to do. */
  readonly busy: boolean;
  /** What went wrong last, for the user. */
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
  // What is asked for when the worker is next free: of many moves of a slider the last.
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
      setProblem("There was no file in that. Save the photo first, then drop or choose its file.");
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
