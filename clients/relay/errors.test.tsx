// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { screen } from "@testing-library/react";
import { fetchQuery, graphql } from "relay-runtime";
import { expect, test } from "vitest";
import type { errorsSampleQuery } from "./__generated__/errorsSampleQuery.graphql";
import { Bookmarks } from "./Bookmarks";
import { Comparison } from "./Comparison";
import { createEnvironment } from "./environment";
import { ProfileQLError } from "./errors";
import { MyInterests } from "./MyInterests";
import { profileql, show, signIn, stored } from "./testing";

test.each([
  [{ status: 401 }, "Please sign in again."],
  [{ status: 429, retryAfter: 30 }, "Please try again in 30 s."],
  [{ status: 503 }, "Please try again."],
])("a query that fails with %j shows its boundary", async (fault, text) => {
  await profileql.faults({ fault: "error", methods: ["GET"], ...fault });
  show(<MyInterests />);
  expect((await screen.findByRole("alert")).textContent).toBe(text);
});

test("an operation that does not come to run throws its code, too", async () => {
  const environment = createEnvironment(signIn().session);
  const query = graphql`
    query errorsSampleQuery($first: Int!) {
      me {
        interests(first: $first) {
          totalCount
        }
      }
    }
  `;
  const answer = fetchQuery<errorsSampleQuery>(environment, query, { first: 101 }).toPromise();
  await expect(answer).rejects.toThrow(ProfileQLError);
  await expect(answer).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
});

test("of interests by id, those that are there are shown", async () => {
  const [first] = await stored();
  show(<Bookmarks ids={["nonsense", first?.id ?? ""]} />);
  const items = await screen.findAllByRole("listitem");
  expect(items.map((item) => item.textContent)).toEqual(["No longer there", first?.displayName]);
});

test("of two profiles, the one that is there is shown, and why the other one is not", async () => {
  show(<Comparison user="nobody@example.com" />);
  await screen.findByText("This is gone, or not yours to change.");
  screen.getByText("75");
});

test("what is not tolerated fails the whole query", async () => {
  const walks = (await stored()).find(({ displayName }) => displayName === "Long walks");
  await profileql.faults({ fault: "error", status: 503, methods: ["GET"] });
  show(<Bookmarks ids={["nonsense", walks?.id ?? ""]} />);
  expect((await screen.findByRole("alert")).textContent).toBe("Please try again.");
});
