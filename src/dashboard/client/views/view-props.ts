import type { Listing, RunSummary } from "../../wire.js";
import type { Address } from "../address.js";

/** What a view is given. */
export interface ViewProps {
  readonly listing: Listing;
  /** The chosen runs, in the order in which they were chosen. */
  readonly chosen: readonly RunSummary[];
  readonly choose: (ids: readonly string[]) => void;
  readonly colours: ReadonlyMap<string, string>;
  readonly names: ReadonlyMap<string, string>;
  readonly address: Address;
}
