// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import type { ItemOrder } from "./__generated__/MyInterestsQuery.graphql";
import { MyInterests } from "./MyInterests";
import { names, press, profileql, show, stored } from "./testing";

const orders: ItemOrder[] = [
  { field: "CREATED_DATE_TIME", direction: "DESC" },
  { field: "CREATED_DATE_TIME", direction: "ASC" },
  { field: "LAST_MODIFIED_DATE_TIME", direction: "DESC" },
];

test.each(orders)("pages by $field $direction have every interest once", async (orderBy) => {
  const all = await stored(orderBy);
  const operations = show(<MyInterests orderBy={orderBy} />);
  for (let loaded = 20; loaded < 75; loaded += 20) {
    await waitFor(async () => expect(await names()).toHaveLength(loaded));
    await press(screen, "More");
  }
  await waitFor(() => expect(screen.queryByRole("button", { name: "More" })).toBeNull());
  const shown = screen.getAllByRole("listitem").map((item) => ({
    displayName: item.querySelector("h3")?.textContent,
    description: item.querySelector("p")?.textContent,
  }));
  expect(shown).toEqual(all.map(({ displayName, description }) => ({ displayName, description: description ?? "" })));
  screen.getByText(`${all.length} of ${all.length} interests`);
  expect(operations).toEqual(["MyInterestsQuery", ...Array(3).fill("InterestListPageQuery")]);
});

test("lists of other sources are other lists", async () => {
  const sources = ["sandbox", "lab"];
  const [sandbox = [], lab = []] = await Promise.all(sources.map((source) => stored(undefined, [source])));
  const operations = show(
    <>
      <MyInterests sources={["sandbox"]} />
      <MyInterests sources={["lab"]} first={5} />
    </>,
  );
  await screen.findByText(`20 of ${sandbox.length} interests`);
  await screen.findByText(`5 of ${lab.length} interests`);
  const [, ofLab] = screen.getAllByRole("button", { name: "More" });
  fireEvent.click(ofLab!);
  await screen.findByText(`${lab.length} of ${lab.length} interests`);
  const shown = [...sandbox.slice(0, 20), ...lab].map(({ displayName }) => displayName ?? "");
  expect(await names()).toEqual(shown);
  expect(operations).toEqual(["MyInterestsQuery", "MyInterestsQuery", "InterestListPageQuery"]);
});

test("a page that fails leaves the list as it is, and can be asked for again", async () => {
  show(<MyInterests />);
  const first = await names();
  await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["GET"] });
  await press(screen, "More");
  expect((await screen.findByRole("alert")).textContent).toBe("Please try again in 30 s.");
  expect(await names()).toEqual(first);
  await profileql.faults();
  await press(screen, "More");
  await waitFor(async () => expect(await names()).toHaveLength(40));
  expect(screen.queryByRole("alert")).toBeNull();
});
