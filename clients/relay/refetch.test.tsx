// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { sample } from "../profileql";
import { MyInterests } from "./MyInterests";
import { ask, change, interest, names, press, show } from "./testing";

test("an interest is read again through node", async () => {
  const operations = show(<MyInterests first={100} />);
  const chess = await interest("Chess");
  for (const displayName of ["Blitz chess", "Bullet chess"]) {
    await change(sample, { displayName });
    await press(chess, "Read again");
    await interest(displayName);
  }
  expect(operations).toEqual(["MyInterestsQuery", "InterestRefetchQuery", "InterestRefetchQuery"]);
});

test("a profile is read again through node, by the id of me", async () => {
  const operations = show(<MyInterests />);
  const before = await names();
  for (const displayName of ["Kites", "Yo-yos"]) {
    await ask(`mutation { createPersonInterest(input: { item: { displayName: "${displayName}" } }) { __typename } }`);
    await press(screen, "Read all again");
    await interest(displayName);
  }
  await waitFor(async () => expect(await names()).toEqual(["Yo-yos", "Kites", ...before.slice(0, 18)]));
  await screen.findByText("20 of 77 interests");
  expect(operations).toEqual(["MyInterestsQuery", "InterestListPageQuery", "InterestListPageQuery"]);
});
