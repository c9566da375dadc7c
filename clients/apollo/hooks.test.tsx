// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { ApolloProvider } from "@apollo/client/react";
import { act, cleanup, configure, render, screen, waitFor } from "@testing-library/react";
import { StrictMode, type ReactElement } from "react";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { recorder, start, type ProfileQL } from "../profileql";
import { interest, names, press } from "../screen";
import { createClient } from "./client";
import { InterestList } from "./InterestList";
import { Suspended } from "./Suspended";
import { newest, oldest } from "./testing";

configure({ asyncUtilTimeout: 10_000 });

let profileql: ProfileQL;
beforeAll(async () => void (profileql = await start("--cors-origin", location.origin)));
afterAll(() => profileql.stop());
afterEach(async () => {
  cleanup();
  await profileql.faults();
});

/** Shows something to a person who has just come, and returns the operations that it takes. */
function show(ui: ReactElement): string[] {
  const { fetch, operations } = recorder();
  const client = createClient({ uri: profileql.url, fetch });
  render(
    <StrictMode>
      <ApolloProvider client={client}>{ui}</ApolloProvider>
    </StrictMode>,
    { onCaughtError: () => undefined }, // what the boundary shows need not be in the log
  );
  return operations;
}

/** What suspends by React's own means has to be waited for, says React. */
const suspend = <T,>(what: () => T): Promise<T> => act(async () => what());

const count = async (interests: number) => void (await screen.findByText(`${interests} interests`));

test("pages by the hook have every interest once", async () => {
  show(<InterestList orderBy={oldest} first={100} />);
  const all = await names();
  cleanup();
  const operations = show(<InterestList orderBy={oldest} />);
  for (let loaded = 20; loaded < all.length; loaded += 20) {
    await count(loaded);
    press(screen, "More");
  }
  await count(all.length);
  expect(await names()).toEqual(all);
  expect(screen.queryByRole("button", { name: "More" })).toBeNull();
  expect(operations).toEqual(Array(Math.ceil(all.length / 20)).fill("MyInterests"));
});

test("a page that fails leaves the list as it is, and can be asked for again", async () => {
  show(<InterestList />);
  const first = await names();
  await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["GET"] });
  press(screen, "More");
  expect((await screen.findByRole("alert")).textContent).toBe("try again: THROTTLED");
  expect(await names()).toEqual(first);
  await profileql.faults();
  press(screen, "More");
  await count(40);
  expect((await names()).slice(0, 20)).toEqual(first);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a list that fails says so, and can be asked for again", async () => {
  await profileql.faults({ fault: "error", status: 401, methods: ["GET"] });
  const operations = show(<InterestList />);
  expect((await screen.findByRole("alert")).textContent).toBe("sign in: UNAUTHENTICATED");
  await profileql.faults();
  press(screen, "Try again");
  await count(20);
  expect(screen.queryByRole("alert")).toBeNull();
  expect(operations).toEqual(["MyInterests", "MyInterests"]);
});

const bothLists = (
  <>
    <InterestList first={100} orderBy={newest} />
    <InterestList first={100} orderBy={oldest} />
  </>
);

test("an update by the hook is in every list with the item, and nothing is asked again", async () => {
  const operations = show(bothLists);
  await waitFor(() => expect(screen.getAllByRole("heading", { level: 2 })).toHaveLength(2)); // both are there
  press(await interest("Chess"), "Louder");
  await waitFor(async () => expect((await names()).filter((name) => name === "Chess!")).toHaveLength(2));
  expect(operations).toEqual(["MyInterests", "MyInterests", "UpdateInterest"]);
});

test("an update by the hook shows at once, and no longer once it has failed", async () => {
  show(<InterestList first={100} />);
  const wine = await interest("Wine tasting");
  press(wine, "Louder");
  await wine.findByRole("heading", { name: "Wine tasting!" });
  expect((await wine.findByRole("alert")).textContent).toBe("reload: NOT_FOUND");
  await wine.findByRole("heading", { name: "Wine tasting" });
});

test("an update by the hook whose outcome is unknown is looked up", async () => {
  const operations = show(<InterestList first={100} />);
  const walks = await interest("Long walks");
  await profileql.faults({ fault: "drop", methods: ["PATCH"], after: true });
  press(walks, "Louder");
  expect((await walks.findByRole("alert")).textContent).toBe("look first: OUTCOME_UNKNOWN");
  await walks.findByRole("heading", { name: "Long walks!" });
  expect(operations).toEqual(["MyInterests", "UpdateInterest", "OneItem"]);
});

test("pages come in a transition: what is there stays on the screen", async () => {
  await suspend(() => show(<Suspended />));
  const first = await names();
  expect(first).toHaveLength(20);
  press(screen, "More");
  expect(await names()).toEqual(first);
  expect(screen.queryByText("Loading…")).toBeNull();
  await count(40);
  await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["GET"] });
  press(screen, "More");
  expect((await screen.findByRole("alert")).textContent).toBe("try again: THROTTLED");
  await count(40);
  await profileql.faults();
  press(screen, "More");
  await count(60);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a list that fails before there is any is for the boundary, which can try again", async () => {
  await profileql.faults({ fault: "error", status: 503, methods: ["GET"] });
  const operations = await suspend(() => show(<Suspended />));
  expect((await screen.findByRole("alert")).textContent).toBe("try again: SOURCE_UNAVAILABLE");
  await profileql.faults();
  await suspend(() => press(screen, "Try again"));
  await count(20);
  expect(operations).toEqual(["MyInterests", "MyInterests"]);
});
