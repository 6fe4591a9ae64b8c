/** How a run stands: a sign and a word, so that colour alone says nothing. */
import type { RunState } from "../wire.js";

const SIGNS: Readonly<Record<RunState, readonly [sign: string, title: string]>> = {
  running: ["▶", "is being trained"],
  finished: ["✓", "has trained all its epochs"],
  stopped: ["‖", "was stopped; it can be resumed"],
  failed: ["✕", "ended with an error"],
  crashed: ["!", "says that it is running, and its process gives no sign of life; it can be resumed"],
  unreadable: ["?", "cannot be read"],
};

export function StateMark({ state, bare = false }: { readonly state: RunState; readonly bare?: boolean }) {
  const [sign, title] = SIGNS[state];
  return (
    <span class={`state ${state}`} title={`${state}: ${title}`}>
      <span aria-hidden="true">{sign}</span> <span class={bare ? "unseen" : undefined}>{state}</span>
    </span>
  );
}
