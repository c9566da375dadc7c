import { startTransition } from "react";
import { graphql, useRefetchableFragment } from "react-relay";
import type { InterestDeleteMutation } from "./__generated__/InterestDeleteMutation.graphql";
import type { InterestRefetchQuery } from "./__generated__/InterestRefetchQuery.graphql";
import type { InterestUpdateMutation, PersonInterestInput } from "./__generated__/InterestUpdateMutation.graphql";
import type { Interest_interest$key } from "./__generated__/Interest_interest.graphql";
import { count } from "./count";
import { Problem } from "./Problem";
import { useWrite } from "./useWrite";

interface Props {
  interest: Interest_interest$key;
  /** The list that it is shown in. */
  connection: string;
  readListAgain: () => void;
}

export function Interest({ interest, connection, readListAgain }: Props) {
  // #region refetch
  const [data, refetch] = useRefetchableFragment<InterestRefetchQuery, Interest_interest$key>(
    graphql`
      fragment Interest_interest on PersonInterest @refetchable(queryName: "InterestRefetchQuery") {
        id
        displayName
        description
        categories
      }
    `,
    interest,
  );
  const readAgain = () => startTransition(() => void refetch({}, { fetchPolicy: "network-only" }));
  // #endregion

  // #region update
  const [update, updateError] = useWrite<InterestUpdateMutation>(
    graphql`
      mutation InterestUpdateMutation($input: UpdatePersonInterestInput!) @raw_response_type {
        updatePersonInterest(input: $input) {
          personInterest {
            ...Interest_interest
          }
        }
      }
    `,
    readAgain,
  );
  const change = (patch: Pick<PersonInterestInput, "displayName" | "description" | "categories">) => {
    const { id, displayName, description, categories } = data;
    const personInterest = { id, displayName, description, categories, ...patch };
    update({
      variables: { input: { id, patch } },
      optimisticResponse: { updatePersonInterest: { personInterest } },
    });
  };
  // #endregion

  // #region delete
  const [remove, removeError] = useWrite<InterestDeleteMutation>(
    graphql`
      mutation InterestDeleteMutation($input: DeleteProfileItemInput!, $connections: [ID!]!) {
        deleteProfileItem(input: $input) {
          deletedId @deleteEdge(connections: $connections)
          gone: deletedId @deleteRecord
        }
      }
    `,
    readListAgain,
  );
  const destroy = () => {
    const connections = [connection];
    remove({ variables: { input: { id: data.id }, connections }, updater: count(connections, -1) });
  };
  // #endregion

  return (
    <li>
      <h3>{data.displayName}</h3>
      <p>{data.description}</p>
      <button onClick={() => change({ displayName: `${data.displayName}!` })}>Louder</button>
      <button onClick={() => change({ description: null })}>No description</button>
      <button onClick={readAgain}>Read again</button>
      <button onClick={destroy}>Delete</button>
      <Problem error={updateError ?? removeError} />
    </li>
  );
}
