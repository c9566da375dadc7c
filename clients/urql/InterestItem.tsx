// #region item
import { Problem } from "../Problem";
import { useClient, useMutation } from "urql";
import type { InterestsQuery } from "./gen/graphql";
import { Delete, Update } from "./operations";
import { problemOf } from "./problem";
import { lookUp } from "./writes";

type Interest = NonNullable<InterestsQuery["me"]["interests"]>["edges"][number]["node"];

export function InterestItem({ interest: { id, displayName, description } }: { interest: Interest }) {
  const client = useClient();
  const [updated, update] = useMutation(Update);
  const [deleted, remove] = useMutation(Delete);
  const rename = async (name: string) => {
    const { error } = await update({ input: { id, patch: { displayName: name } } });
    if (error) await lookUp(client, id, error);
  };
  const error = updated.error ?? deleted.error;
  return (
    <li>
      <h3>{displayName}</h3>
      <p>{description}</p>
      <button disabled={updated.fetching} onClick={() => void rename(`${displayName}!`)}>
        Louder
      </button>
      <button disabled={deleted.fetching} onClick={() => void remove({ input: { id } })}>
        Delete
      </button>
      <Problem problem={error && problemOf(error)} />
    </li>
  );
}
// #endregion
