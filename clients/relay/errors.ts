// #region errors
import { actions, type Action } from "../errors";

/** An error as it stands in an answer, and as `@catch` hands it over: without its message. */
export interface FieldError {
  readonly message?: string;
  readonly extensions: { readonly code: string; readonly retryAfter?: number };
}

/** What an operation fails with when ProfileQL's answer says so. */
export class ProfileQLError extends Error {
  readonly code: string;
  readonly retryAfter: number | undefined;

  constructor({ message, extensions }: FieldError) {
    super(message);
    this.name = "ProfileQLError";
    this.code = extensions.code;
    this.retryAfter = extensions.retryAfter;
  }
}

/** What to do about an error. A write that got no answer may have been done. */
export function actionOn(error: Error): Action {
  return error instanceof ProfileQLError ? (actions[error.code] ?? "report") : "look first";
}

/** What to tell people. */
export function words(error: Error): string {
  if (!(error instanceof ProfileQLError)) return "There was no answer.";
  switch (actionOn(error)) {
    case "sign in":
      return "Please sign in again.";
    case "say no":
      return "This is not for you.";
    case "correct":
      return error.message;
    case "reload":
      return "This is gone, or not yours to change.";
    case "try again":
      return error.retryAfter ? `Please try again in ${Math.ceil(error.retryAfter)} s.` : "Please try again.";
    case "look first":
      return "This may have been done. Look before you try again.";
    case "report":
      return "This did not work.";
  }
}
// #endregion
