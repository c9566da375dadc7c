// #region update
import type { Problem } from "../errors";
import type { Client, CombinedError } from "urql";
import type { PersonInterestInput } from "./gen/graphql";
import { OneInterest, Update } from "./operations";
import { problemOf } from "./problem";

/** Changes an interest: sends what patch names and nothing else. Lists that show it change with the answer. */
export async function update(client: Client, id: string, patch: PersonInterestInput): Promise<Problem | undefined> {
  const { error } = await client.mutation(Update, { input: { id, patch } }).toPromise();
  if (!error) return undefined;
  await lookUp(client, id, error);
  return problemOf(error);
}

/** Where an update may have been done, what is shown has to come from the source before anybody tries again. */
export async function lookUp(client: Client, id: string, error: CombinedError): Promise<void> {
  if (problemOf(error).action !== "look first") return;
  await client.query(OneInterest, { id }, { requestPolicy: "network-only" }).toPromise();
}
// #endregion
