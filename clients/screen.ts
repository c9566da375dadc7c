// How the tests of React components look at a page, and use it. Lists are long, and what is asked of them again and again
// is found by selectors: queries by role compute the name of every element.
import { fireEvent, screen, waitFor, within } from "@testing-library/react";

/** The names in all lists on the page, once there are any. */
export const names = (): Promise<(string | null)[]> =>
  waitFor(() => {
    const headings = [...document.querySelectorAll("h3")];
    if (headings.length === 0) throw new Error("there is no list");
    return headings.map((heading) => heading.textContent);
  });

/** What is shown of the first interest of this name. */
export const interest = (name: string) =>
  waitFor(() => {
    const item = [...document.querySelectorAll("h3")].find((heading) => heading.textContent === name)?.closest("li");
    if (!item) throw new Error(`${name} is in no list`);
    return within(item);
  });

/** Clicks a button once it is enabled: a click on a disabled one is lost. */
export async function press(place: Pick<typeof screen, "getByRole">, name: string): Promise<void> {
  const button = await waitFor(() => {
    const found = place.getByRole("button", { name });
    if (found instanceof HTMLButtonElement && found.disabled) throw new Error(`the button ${name} is disabled`);
    return found;
  });
  fireEvent.click(button);
}
