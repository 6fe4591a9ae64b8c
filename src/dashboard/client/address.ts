/** The state of the page is in its address, so that the address can be shared. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { addressWriter } from "./address-writer.js";

export interface Address {
  get(name: string): string | undefined;
  /** All values of a name; undefined if the name is absent. An empty value means none. */
  all(name: string): readonly string[] | undefined;
  /** Sets values by name; undefined removes a name. @param enter whether the browser's "back" returns to the state before */
  set(changes: Changes, enter?: boolean): void;
  /** The address after changes, for a link. */
  link(changes: Changes): string;
}

type Changes = Readonly<Record<string, string | readonly string[] | undefined>>;

const read = () => new URLSearchParams(location.search);

export function useAddress(): Address {
  const [parameters, setParameters] = useState(read);
  const state = useMemo(() => ({ newest: parameters, writer: addressWriter(history) }), []);
  useEffect(() => {
    const follow = () => {
      state.writer.forget();
      state.newest = read();
      setParameters(state.newest);
    };
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);
  return {
    get: (name) => parameters.get(name) ?? undefined,
    all: (name) => (parameters.has(name) ? parameters.getAll(name).filter((one) => one !== "") : undefined),
    set: (changes, enter = false) => {
      state.newest = changed(state.newest, changes);
      state.writer[enter ? "enter" : "replace"](text(state.newest));
      setParameters(state.newest);
    },
    link: (changes) => text(changed(parameters, changes)),
  };
}

function changed(parameters: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(parameters);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    if (typeof value === "string") next.set(name, value);
    else if (value?.length === 0) next.set(name, "");
    else for (const one of value ?? []) next.append(name, one);
  }
  return next;
}

const text = (parameters: URLSearchParams): string => (`${parameters}` === "" ? location.pathname : `?${parameters}`);
