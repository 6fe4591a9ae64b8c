/** The state of the page is in its address, so that the address can be shared. */
import { useCallback, useEffect, useState } from "preact/hooks";

export interface Address {
  get(name: string): string | undefined;
  /** All values of a name; undefined if the name is absent. An empty value means none. */
  all(name: string): readonly string[] | undefined;
  /** Sets values by name; undefined removes a name. @param enter whether the browser's "back" returns to the state before */
  set(changes: Readonly<Record<string, string | readonly string[] | undefined>>, enter?: boolean): void;
}

const read = () => new URLSearchParams(location.search);

export function useAddress(): Address {
  const [parameters, setParameters] = useState(read);
  useEffect(() => {
    const follow = () => setParameters(read());
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);
  const set = useCallback<Address["set"]>((changes, enter = false) => {
    const next = read();
    for (const [name, value] of Object.entries(changes)) {
      next.delete(name);
      if (typeof value === "string") next.set(name, value);
      else if (value?.length === 0) next.set(name, "");
      else for (const one of value ?? []) next.append(name, one);
    }
    const query = next.toString();
    history[enter ? "pushState" : "replaceState"](null, "", query === "" ? location.pathname : `?${query}`);
    setParameters(next);
  }, []);
  return {
    get: (name) => parameters.get(name) ?? undefined,
    all: (name) => (parameters.has(name) ? parameters.getAll(name).filter((one) => one !== "") : undefined),
    set,
  };
}
