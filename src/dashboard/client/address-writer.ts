/** Writes the state of the page into its address, seldom enough for every browser. */

/** Milliseconds between two writes. Safari throws if a page writes its address more than 100 times in 30 s. */
const PAUSE = 500;

/** The part of the browser's history that is used. */
export interface WrittenHistory {
  pushState(data: null, unused: "", address: string): void;
  replaceState(data: null, unused: "", address: string): void;
}

export interface AddressWriter {
  /** Replaces the address, at once or after a pause. Of several addresses in the pause only the last is written. */
  replace(address: string): void;
  /** Makes a new entry of the history at once; the entry before it keeps the last address. */
  enter(address: string): void;
  /** Forgets an address that is not written yet. */
  forget(): void;
}

export function addressWriter(history: WrittenHistory): AddressWriter {
  let waiting: string | undefined;
  let pausing = false;
  const write = (how: "pushState" | "replaceState", address: string) => {
    try {
      history[how](null, "", address);
    } catch {
      // The page keeps its state without it, and the next change writes all of it.
    }
  };
  const writeWaiting = () => {
    if (waiting === undefined) return;
    write("replaceState", waiting);
    waiting = undefined;
    pausing = true;
    setTimeout(() => {
      pausing = false;
      writeWaiting();
    }, PAUSE);
  };
  return {
    replace(address) {
      waiting = address;
      if (!pausing) writeWaiting();
    },
    enter(address) {
      if (waiting !== undefined) write("replaceState", waiting);
      waiting = undefined;
      write("pushState", address);
    },
    forget() {
      waiting = undefined;
    },
  };
}
