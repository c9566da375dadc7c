// What a user interface does about an error, for every client alike: they all hand on extensions.code.

// #region actions
export type Action =
  | "sign in" //     the token is missing, wrong or too old
  | "say no" //      tell that this person may not; trying again will not help
  | "correct" //     show the message beside the form: the input has to change
  | "reload" //      what is shown is out of date: read it again, and let the person decide anew
  | "try again" //   offer a button; after retryAfter seconds, where it is given
  | "look first" //  a write may have happened: read the item again before anything is offered
  | "report"; //     a fault of the app's or of ProfileQL's: log it with its extensions

export const actions: Record<string, Action> = {
  UNAUTHENTICATED: "sign in",
  FORBIDDEN: "say no",
  NOT_FOUND: "reload",
  BAD_USER_INPUT: "correct",
  CONFLICT: "reload",
  THROTTLED: "try again",
  SOURCE_REFUSED: "say no",
  SOURCE_TIMEOUT: "try again",
  SOURCE_UNAVAILABLE: "try again",
  SOURCE_INVALID_RESPONSE: "try again",
  OUTCOME_UNKNOWN: "look first",
  OVERLOADED: "try again",
  READ_ONLY_SOURCE: "say no",
  UNSUPPORTED_BY_SOURCE: "say no",
  LIMIT_EXCEEDED: "report",
  BAD_REQUEST: "report",
  GRAPHQL_PARSE_FAILED: "report",
  GRAPHQL_VALIDATION_FAILED: "report",
  PERSISTED_QUERY_NOT_FOUND: "report",
  PERSISTED_QUERY_NOT_SUPPORTED: "report",
  OPERATION_NOT_LISTED: "report",
  INTERNAL_SERVER_ERROR: "report",
};
// #endregion

// #region problem
export interface Problem {
  action: Action;
  code?: string;
  message: string;
  /** Seconds, where ProfileQL says how long to wait. */
  retryAfter?: number;
}

/** What an error of an answer means for an interface. Without one there was no answer: a write may have been done. */
export function problem(error: { message: string; extensions?: Record<string, unknown> | undefined } | undefined): Problem {
  const { code, retryAfter } = error?.extensions ?? {};
  if (!error || typeof code !== "string") return { action: "look first", message: "There was no answer." };
  return {
    action: actions[code] ?? "report",
    code,
    message: error.message,
    ...(typeof retryAfter === "number" && { retryAfter }),
  };
}
// #endregion
