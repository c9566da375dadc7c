import { actions, type Action } from "../errors";
// #region problem
import { CombinedGraphQLErrors } from "@apollo/client/errors";

export interface Problem {
  action: Action;
  code?: string;
  message: string;
  /** Seconds, where ProfileQL says how long to wait. */
  retryAfter?: number;
}

/** What went wrong, for an interface to act on. */
export function problemOf(error: unknown): Problem {
  const first = CombinedGraphQLErrors.is(error) ? error.errors[0] : undefined;
  const code = first?.extensions?.["code"];
  if (!first || typeof code !== "string") {
    return { action: "look first", message: "There was no answer." }; // a write may have been done nevertheless
  }
  const retryAfter = first.extensions?.["retryAfter"];
  return {
    action: actions[code] ?? "report",
    code,
    message: first.message,
    ...(typeof retryAfter === "number" && { retryAfter }),
  };
}
// #endregion
