// #region problem
import { problem } from "../errors";
import { ClientError } from "graphql-request";

export const problemOf = (error: unknown) => problem(error instanceof ClientError ? error.response.errors?.[0] : undefined);
// #endregion
