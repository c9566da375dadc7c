// #region count
import type { SelectorStoreUpdater } from "relay-runtime";

/** Relay's directives move edges in and out of lists; the total is ours to correct. */
export function count(connections: readonly string[], by: number): SelectorStoreUpdater {
  return (store) => {
    for (const connection of connections.map((id) => store.get(id))) {
      const total = connection?.getValue("totalCount");
      if (typeof total === "number") connection?.setValue(total + by, "totalCount");
    }
  };
}
// #endregion
