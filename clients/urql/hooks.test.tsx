// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { screen, waitFor } from "@testing-library/react";
import { Provider } from "urql";
import { expect, test } from "vitest";
import { count, profileql, testHooks } from "../hooks";
import { recorder } from "../profileql";
import { interest, names, press } from "../screen";
import { createClient } from "./client";
import { InterestList } from "./InterestList";
import { schema } from "./testing";

const show = testHooks({
  provide: (ui, url, fetch) => <Provider value={createClient({ url, schema, fetch })}>{ui}</Provider>,
  InterestList,
  operations: { list: "Interests", update: "Update", one: "OneInterest" },
});

test("of a page that fails in part, the list has what there is, and can be asked for the rest", async () => {
  show(<InterestList />);
  const first = await names();
  await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["GET"] });
  await press(screen, "More");
  expect((await screen.findByRole("alert")).textContent).toBe("try again: THROTTLED");
  expect((await names()).slice(0, 20)).toEqual(first);
  await profileql.faults();
  await press(screen, "Try again");
  await count(40);
  expect((await names()).slice(0, 20)).toEqual(first);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a page that gets no answer leaves the list as it is, and can be asked for again", async () => {
  const { fetch, operations } = recorder();
  let down = false;
  show(<InterestList />, { operations, fetch: (...request) => (down ? Promise.reject(new TypeError()) : fetch(...request)) });
  const first = await names();
  down = true;
  await press(screen, "More");
  await screen.findByRole("alert");
  expect(await names()).toEqual(first);
  expect(screen.queryByRole("button", { name: "More" })).toBeNull(); // what failed has to come first
  down = false;
  await press(screen, "Try again");
  await count(40);
  expect((await names()).slice(0, 20)).toEqual(first);
});

test("an interest that is deleted goes from a list of several pages, and nothing is asked again", async () => {
  const operations = show(<InterestList />);
  await count(20);
  await press(screen, "More");
  await count(40);
  const rest = (await names()).filter((name) => name !== "Karaoke");
  await press(await interest("Karaoke"), "Delete");
  await count(39);
  expect(await names()).toEqual(rest);
  expect(operations).toEqual(["Interests", "Interests", "Delete"]);
});

test("an interest that is not deleted stays where it is", async () => {
  show(<InterestList first={100} />);
  const wine = await interest("Wine tasting");
  await press(wine, "Delete");
  expect((await wine.findByRole("alert")).textContent).toBe("reload: NOT_FOUND");
  await waitFor(async () => expect(await names()).toContain("Wine tasting"));
});
