// #region item
import { Problem } from "../Problem";
import { useApolloClient, useMutation } from "@apollo/client/react";
import type { InterestFragment } from "./gen/graphql";
import { UpdateInterest } from "./operations";
import { problemOf } from "./problem";
import { lookUp } from "./writes";

export function InterestItem({ interest }: { interest: InterestFragment }) {
  const client = useApolloClient();
  const [update, { error, loading }] = useMutation(UpdateInterest, {
    onError: (failure) => void lookUp(client, interest.id, failure),
  });
  const rename = (displayName: string) =>
    update({
      variables: { input: { id: interest.id, patch: { displayName } } },
      optimisticResponse: { updatePersonInterest: { personInterest: { ...interest, displayName } } },
    });
  return (
    <li>
      <h3>{interest.displayName}</h3>
      <p>{interest.description}</p>
      <button disabled={loading} onClick={() => void rename(`${interest.displayName}!`)}>
        Louder
      </button>
      <Problem problem={error && problemOf(error)} />
    </li>
  );
}
// #endregion
