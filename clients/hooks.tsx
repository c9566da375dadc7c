// What is tested of lists and items that are made with React hooks, whatever client these are of.
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { StrictMode, type ComponentType, type ReactElement } from "react";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { recorder, start, type ProfileQL } from "./profileql";
import { interest, names, press } from "./screen";

interface Hooked {
  /** Puts what is shown below the provider of a new client. */
  provide(ui: ReactElement, url: string, fetch: typeof globalThis.fetch): ReactElement;
  InterestList: ComponentType<{
    first?: number;
    orderBy?: { field: "CREATED_DATE_TIME"; direction: "ASC" | "DESC" };
  }>;
  /** The names of the operations that ask for a list, change an item, and ask for one. */
  operations: { list: string; update: string; one: string };
}

export let profileql: ProfileQL;

/** Waits for a list to be of some length. */
export const count = async (interests: number) => void (await screen.findByText(`${interests} interests`));

/** Has the tests run that are the same for all, and returns what shows something to a person who has just come. */
export function testHooks({ provide, InterestList, operations: { list, update, one } }: Hooked) {
  beforeAll(async () => void (profileql = await start("--cors-origin", location.origin)));
  afterAll(() => profileql.stop());
  afterEach(async () => {
    cleanup();
    await profileql.faults();
  });

  /** Returns the names of the operations that it takes. */
  function show(ui: ReactElement, { fetch, operations } = recorder()): string[] {
    const onCaughtError = () => undefined; // what an error boundary shows need not be in the log
    render(<StrictMode>{provide(ui, profileql.url, fetch)}</StrictMode>, { onCaughtError });
    return operations;
  }

  test("pages by the hook have every interest once", async () => {
    show(<InterestList orderBy={{ field: "CREATED_DATE_TIME", direction: "ASC" }} first={100} />);
    const all = await names();
    cleanup();
    const operations = show(<InterestList orderBy={{ field: "CREATED_DATE_TIME", direction: "ASC" }} />);
    for (let loaded = 20; loaded < all.length; loaded += 20) {
      await count(loaded);
      await press(screen, "More");
    }
    await count(all.length);
    expect(await names()).toEqual(all);
    expect(screen.queryByRole("button", { name: "More" })).toBeNull();
    expect(operations).toEqual(Array(Math.ceil(all.length / 20)).fill(list));
  });

  test("a list that fails says so, and can be asked for again", async () => {
    await profileql.faults({ fault: "error", status: 401, methods: ["GET"] });
    const operations = show(<InterestList />);
    expect((await screen.findByRole("alert")).textContent).toBe("sign in: UNAUTHENTICATED");
    await profileql.faults();
    await press(screen, "Try again");
    await count(20);
    await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
    expect(operations).toEqual([list, list]);
  });

  test("an update by the hook is in every list with the item, and nothing is asked again", async () => {
    const operations = show(
      <>
        <InterestList first={100} orderBy={{ field: "CREATED_DATE_TIME", direction: "DESC" }} />
        <InterestList first={100} orderBy={{ field: "CREATED_DATE_TIME", direction: "ASC" }} />
      </>,
    );
    await waitFor(() => expect(screen.getAllByRole("heading", { level: 2 })).toHaveLength(2)); // both are there
    await press(await interest("Chess"), "Louder");
    await waitFor(async () => expect((await names()).filter((name) => name === "Chess!")).toHaveLength(2));
    expect(operations).toEqual([list, list, update]);
  });

  test("an update by the hook shows at once, and no longer once it has failed", async () => {
    show(<InterestList first={100} />);
    const wine = await interest("Wine tasting");
    await press(wine, "Louder");
    await wine.findByRole("heading", { name: "Wine tasting!" });
    expect((await wine.findByRole("alert")).textContent).toBe("reload: NOT_FOUND");
    await wine.findByRole("heading", { name: "Wine tasting" });
  });

  test("an update by the hook whose outcome is unknown is looked up", async () => {
    const operations = show(<InterestList first={100} />);
    const walks = await interest("Long walks");
    await profileql.faults({ fault: "drop", methods: ["PATCH"], after: true });
    await press(walks, "Louder");
    expect((await walks.findByRole("alert")).textContent).toBe("look first: OUTCOME_UNKNOWN");
    await walks.findByRole("heading", { name: "Long walks!" });
    expect(operations).toEqual([list, update, one]);
  });

  return show;
}
