// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { ApolloProvider } from "@apollo/client/react";
import { act, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { count, profileql, testHooks } from "../hooks";
import { names, press } from "../screen";
import { createClient } from "./client";
import { InterestList } from "./InterestList";
import { Suspended } from "./Suspended";

const show = testHooks({
  provide: (ui, uri, fetch) => <ApolloProvider client={createClient({ uri, fetch })}>{ui}</ApolloProvider>,
  InterestList,
  operations: { list: "MyInterests", update: "UpdateInterest", one: "OneItem" },
});

/** What suspends by React's own means has to be waited for, says React. */
const suspend = <T,>(what: () => T): Promise<T> => act(async () => what());

test("a page that fails leaves the list as it is, and can be asked for again", async () => {
  show(<InterestList />);
  const first = await names();
  await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["GET"] });
  await press(screen, "More");
  expect((await screen.findByRole("alert")).textContent).toBe("try again: THROTTLED");
  expect(await names()).toEqual(first);
  await profileql.faults();
  await press(screen, "More");
  await count(40);
  expect((await names()).slice(0, 20)).toEqual(first);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("pages come in a transition: what is there stays on the screen", async () => {
  await suspend(() => show(<Suspended />));
  const first = await names();
  expect(first).toHaveLength(20);
  await press(screen, "More");
  expect(await names()).toEqual(first);
  expect(screen.queryByText("Loading…")).toBeNull();
  await count(40);
  await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["GET"] });
  await press(screen, "More");
  expect((await screen.findByRole("alert")).textContent).toBe("try again: THROTTLED");
  await count(40);
  await profileql.faults();
  await press(screen, "More");
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
