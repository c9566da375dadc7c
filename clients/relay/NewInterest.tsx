import { graphql } from "react-relay";
import type { NewInterestMutation } from "./__generated__/NewInterestMutation.graphql";
import { count } from "./count";
import { Problem } from "./Problem";
import { useWrite } from "./useWrite";

interface Props {
  /** The default one where there is none. */
  source: string | undefined;
  /** The lists that begin with the newest interest, and those that end with it. */
  newestFirst: string[];
  newestLast: string[];
  readListAgain: () => void;
}

export function NewInterest({ source, newestFirst, newestLast, readListAgain }: Props) {
  // #region create
  const [create, error] = useWrite<NewInterestMutation>(
    graphql`
      mutation NewInterestMutation($input: CreatePersonInterestInput!, $newestFirst: [ID!]!, $newestLast: [ID!]!) {
        createPersonInterest(input: $input) {
          personInterest @prependNode(connections: $newestFirst, edgeTypeName: "PersonInterestEdge") {
            ...Interest_interest
          }
          last: personInterest @appendNode(connections: $newestLast, edgeTypeName: "PersonInterestEdge") {
            id
          }
        }
      }
    `,
    readListAgain,
  );
  const submit = (form: FormData) => {
    const item = { displayName: String(form.get("displayName")) };
    create({
      variables: { input: { item, source }, newestFirst, newestLast },
      updater: count([...newestFirst, ...newestLast], 1),
    });
  };
  // #endregion

  return (
    <form action={submit}>
      <input name="displayName" />
      <button>Add</button>
      <Problem error={error} />
    </form>
  );
}
