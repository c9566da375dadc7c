// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { sample } from "../profileql";
import { MyInterests } from "./MyInterests";
import { ask, change, interest, names, press, profileql, show, signIn, stored } from "./testing";

const oldestFirst = { field: "CREATED_DATE_TIME", direction: "ASC" } as const;
const bothLists = (
  <>
    <MyInterests first={100} />
    <MyInterests first={100} orderBy={oldestFirst} />
  </>
);

test("an update's answer is in every list with the item, and nothing is read again", async () => {
  const operations = show(bothLists);
  const chess = await interest("Chess");
  await change(sample, { description: "Correspondence games." });
  await press(chess, "Louder");
  await waitFor(() => expect(screen.getAllByText("Correspondence games.")).toHaveLength(2));
  expect((await names()).filter((name) => name === "Chess!")).toHaveLength(2);
  expect(operations).toEqual(["MyInterestsQuery", "MyInterestsQuery", "InterestUpdateMutation"]);
});

test("an update shows at once, and no longer once it has failed", async () => {
  show(<MyInterests first={100} />);
  const wine = await interest("Wine tasting");
  await press(wine, "Louder");
  wine.getByRole("heading", { name: "Wine tasting!" });
  expect((await wine.findByRole("alert")).textContent).toBe("This is gone, or not yours to change.");
  wine.getByRole("heading", { name: "Wine tasting" });
});

test("an interest that is gone meanwhile is replaced by saying so, and the rest of the list stays", async () => {
  show(<MyInterests />);
  const walks = (await stored()).find(({ displayName }) => displayName === "Long walks");
  await ask("mutation ($id: ID!) { deleteProfileItem(input: { id: $id }) { deletedId } }", { id: walks?.id });
  await press(await interest("Long walks"), "Louder");
  await waitFor(async () => expect(await names()).toHaveLength(19));
  expect(screen.getByRole("alert").textContent).toBe("This is gone, or not yours to change.");
});

test("a throttled update says when to try again", async () => {
  show(<MyInterests first={100} />);
  const chess = await interest("Chess");
  await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["PATCH"] });
  await press(chess, "Louder");
  expect((await chess.findByRole("alert")).textContent).toBe("Please try again in 30 s.");
  chess.getByRole("heading", { name: "Chess" });
});

async function add(displayName: string) {
  fireEvent.change(screen.getByRole("textbox"), { target: { value: displayName } });
  await press(screen, "Add");
}

test.each([
  ["newest first", <MyInterests first={100} />, 0],
  ["newest last", <MyInterests first={100} orderBy={oldestFirst} />, -1],
])("a new interest comes into a list with the %s, and nothing is read again", async (_, list, place) => {
  const operations = show(list);
  await names();
  await add("Kites");
  await screen.findByText("76 of 76 interests");
  expect((await names()).at(place)).toBe("Kites");
  expect(await names()).toHaveLength(76);
  expect((await stored())[0]).toMatchObject({ displayName: "Kites" });
  expect(operations).toEqual(["MyInterestsQuery", "NewInterestMutation"]);
});

test("a new interest of a list of one source goes to that source", async () => {
  show(<MyInterests sources={["lab"]} first={100} />);
  const before = await names();
  await add("Kites");
  await interest("Kites");
  expect(await names()).toEqual(["Kites", ...before]);
  expect((await stored(undefined, ["lab"]))[0]).toMatchObject({ displayName: "Kites" });
  expect((await stored(undefined, ["sandbox"])).map(({ displayName }) => displayName)).not.toContain("Kites");
});

test("a deleted interest goes from every list, and nothing is read again", async () => {
  const operations = show(bothLists);
  await press(await interest("Long walks"), "Delete");
  await screen.findByText("74 of 74 interests");
  expect(await names()).toHaveLength(2 * 74);
  expect(await names()).not.toContain("Long walks");
  expect((await stored()).map((item) => item.displayName)).not.toContain("Long walks");
  expect(operations).toEqual(["MyInterestsQuery", "MyInterestsQuery", "InterestDeleteMutation"]);
});

test("an update whose outcome is unknown is looked up", async () => {
  const operations = show(<MyInterests first={100} />);
  const chess = await interest("Chess");
  await profileql.faults({ fault: "drop", methods: ["PATCH"], after: true });
  await press(chess, "Louder");
  expect((await chess.findByRole("alert")).textContent).toBe("This may have been done. Look before you try again.");
  await chess.findByRole("heading", { name: "Chess!" });
  expect(operations).toEqual(["MyInterestsQuery", "InterestUpdateMutation", "InterestRefetchQuery"]);
});

test("a new interest whose outcome is unknown is looked for", async () => {
  const operations = show(<MyInterests />);
  await names();
  await profileql.faults({ fault: "drop", methods: ["POST"], after: true });
  await add("Kites");
  await interest("Kites");
  expect(operations).toEqual(["MyInterestsQuery", "NewInterestMutation", "InterestListPageQuery"]);
});

test("an update whose answer is lost on the way to the page is looked up", async () => {
  const { session, operations } = signIn();
  const { fetch } = session;
  async function losing(...request: Parameters<typeof fetch>) {
    const response = await fetch(...request);
    if (operations.at(-1) === "InterestUpdateMutation") throw new TypeError("Failed to fetch");
    return response;
  }
  show(<MyInterests first={100} />, { session: { ...session, fetch: losing }, operations });
  await press(await interest("Chess"), "Louder");
  await waitFor(() => expect(operations).toContain("InterestRefetchQuery"));
  await interest("Chess!");
});
