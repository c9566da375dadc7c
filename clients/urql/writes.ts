import type { Problem } from "../errors";
// #region update
import type { Client } from "urql";
import type { PersonInterestInput } from "./gen/graphql";
import { Interests, Update } from "./operations";
import { problemOf } from "./problem";

/** Changes an interest: sends what patch names and nothing else. Lists that show it change with the answer. */
export async function update(client: Client, id: string, patch: PersonInterestInput): Promise<Problem | undefined> {
  const { error } = await client.mutation(Update, { input: { id, patch } }).toPromise();
  if (!error) return undefined;
  const problem = problemOf(error);
  if (problem.action === "look first") {
    // It may have been done: what is shown has to come from the source, before anybody tries again.
    await client.query(Interests, {}, { requestPolicy: "network-only" }).toPromise();
  }
  return problem;
}
// #endregion
