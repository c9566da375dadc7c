// #region write
import { useState } from "react";
import { useMutation, type GraphQLTaggedNode, type UseMutationConfig } from "react-relay";
import type { MutationParameters } from "relay-runtime";
import { actionOn } from "./errors";

/** A mutation, and the error of its last run. Where what is shown may no longer be so, it is read again. */
export function useWrite<T extends MutationParameters>(mutation: GraphQLTaggedNode, readAgain: () => void) {
  const [commit] = useMutation<T>(mutation);
  const [error, setError] = useState<Error>();
  function write(config: UseMutationConfig<T>) {
    setError(undefined);
    commit({
      ...config,
      onError(failure) {
        setError(failure);
        if (["reload", "look first"].includes(actionOn(failure))) readAgain();
      },
    });
  }
  return [write, error] as const;
}
// #endregion
