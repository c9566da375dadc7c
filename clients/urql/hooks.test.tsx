// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { cleanup, configure, render, screen, waitFor } from "@testing-library/react";
import { buildSchema, introspectionFromSchema } from "graphql";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { StrictMode, type ReactElement } from "react";
import { Provider } from "urql";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { recorder, start, type ProfileQL } from "../profileql";
import { interest, names, press } from "../screen";
import { createClient } from "./client";
import type { ItemOrder } from "./gen/graphql";
import { InterestList } from "./InterestList";

configure({ asyncUtilTimeout: 10_000 });

const newest: ItemOrder = { field: "CREATED_DATE_TIME", direction: "DESC" };
const oldest: ItemOrder = { field: "CREATED_DATE_TIME", direction: "ASC" };
const sdl = readFileSync(join(import.meta.dirname, "../../schema.graphqls"), "utf8");
const schema = introspectionFromSchema(buildSchema(sdl));

let profileql: ProfileQL;
beforeAll(async () => void (profileql = await start("--cors-origin", location.origin)));
afterAll(() => profileql.stop());
afterEach(async () => {
  cleanup();
  await profileql.faults();
});

/** Shows something to a person who has just come, and returns the operations that it takes. */
function show(ui: ReactElement, { fetch, operations } = recorder()): string[] {
  const client = createClient({ url: profileql.url, schema, fetch });
  render(
    <StrictMode>
      <Provider value={client}>{ui}</Provider>
    </StrictMode>,
  );
  return operations;
}

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
  expect(operations).toEqual(Array(Math.ceil(all.length / 20)).fill("Interests"));
});

test("of a page that fails in part, the list has what there is, and can be asked for the rest", async () => {
  show(<InterestList />);
  const first = await names();
  await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["GET"] });
  press(screen, "More");
  expect((await screen.findByRole("alert")).textContent).toBe("try again: THROTTLED");
  expect((await names()).slice(0, 20)).toEqual(first);
  await profileql.faults();
  press(screen, "Try again");
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
  press(screen, "More");
  await screen.findByRole("alert");
  expect(await names()).toEqual(first);
  expect(screen.queryByRole("button", { name: "More" })).toBeNull(); // what failed has to come first
  down = false;
  press(screen, "Try again");
  await count(40);
  expect((await names()).slice(0, 20)).toEqual(first);
});

test("a list that fails says so, and can be asked for again", async () => {
  await profileql.faults({ fault: "error", status: 401, methods: ["GET"] });
  const operations = show(<InterestList />);
  expect((await screen.findByRole("alert")).textContent).toBe("sign in: UNAUTHENTICATED");
  await profileql.faults();
  press(screen, "Try again");
  await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
  await count(20);
  expect(operations).toEqual(["Interests", "Interests"]);
});

test("an update by the hook is in every list with the item, and nothing is asked again", async () => {
  const operations = show(
    <>
      <InterestList first={100} orderBy={newest} />
      <InterestList first={100} orderBy={oldest} />
    </>,
  );
  await waitFor(() => expect(screen.getAllByRole("heading", { level: 2 })).toHaveLength(2)); // both are there
  press(await interest("Chess"), "Louder");
  await waitFor(async () => expect((await names()).filter((name) => name === "Chess!")).toHaveLength(2));
  expect(operations).toEqual(["Interests", "Interests", "Update"]);
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
  expect(operations).toEqual(["Interests", "Update", "OneInterest"]);
});

test("an interest that is deleted goes from a list of several pages, and nothing is asked again", async () => {
  const operations = show(<InterestList />);
  await count(20);
  press(screen, "More");
  await count(40);
  const rest = (await names()).filter((name) => name !== "Karaoke");
  press(await interest("Karaoke"), "Delete");
  await count(39);
  expect(await names()).toEqual(rest);
  expect(operations).toEqual(["Interests", "Interests", "Delete"]);
});

test("an interest that is not deleted stays where it is", async () => {
  show(<InterestList first={100} />);
  const wine = await interest("Wine tasting");
  press(wine, "Delete");
  expect((await wine.findByRole("alert")).textContent).toBe("reload: NOT_FOUND");
  await waitFor(async () => expect(await names()).toContain("Wine tasting"));
});
