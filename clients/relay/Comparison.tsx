// #region catch
import { graphql, useLazyLoadQuery } from "react-relay";
import type { ComparisonQuery } from "./__generated__/ComparisonQuery.graphql";
import { tolerating } from "./environment";
import { ProfileQLError, words } from "./errors";

/** My interests beside another person's, which I may not be allowed to see. */
export function Comparison({ user }: { user: string }) {
  const { me, profile } = useLazyLoadQuery<ComparisonQuery>(
    graphql`
      query ComparisonQuery($user: String!) {
        me {
          interests {
            totalCount
          }
        }
        profile(user: $user) @catch {
          interests {
            totalCount
          }
        }
      }
    `,
    { user },
    tolerating("FORBIDDEN", "NOT_FOUND"),
  );
  return (
    <dl>
      <dt>Me</dt>
      <dd>{me.interests?.totalCount}</dd>
      <dt>{user}</dt>
      <dd>
        {profile.ok
          ? profile.value?.interests?.totalCount
          : profile.errors.map((error) => words(new ProfileQLError(error)))}
      </dd>
    </dl>
  );
}
// #endregion
