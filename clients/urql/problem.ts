// #region problem
import { problem } from "../errors";
import type { CombinedError } from "urql";

export const problemOf = (error: CombinedError) => problem(error.graphQLErrors[0]);
// #endregion
