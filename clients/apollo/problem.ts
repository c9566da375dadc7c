// #region problem
import { problem } from "../errors";
import { CombinedGraphQLErrors } from "@apollo/client/errors";

export const problemOf = (error: unknown) => problem(CombinedGraphQLErrors.is(error) ? error.errors[0] : undefined);
// #endregion
