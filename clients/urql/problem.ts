import { problem } from "../errors";
// #region problem
import type { CombinedError } from "urql";

export const problemOf = (error: CombinedError) => problem(error.graphQLErrors[0]);
// #endregion
