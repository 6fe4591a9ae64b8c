import type { Listing, RunSummary } from "../../wire.js";
import type { Address } from "../address.js";

/** The properties of every view. */
export interface ViewProps {
  readonly listing: Listing;
  /** The chosen runs, in the order of the choice. */
  readonly chosen: readonly RunSummary[];
  readonly choose: (ids: readonly string[]) => void;
  readonly colours: ReadonlyMap<string, string>;
  readonly names: ReadonlyMap<string, string>;
  readonly address: Address;
}
