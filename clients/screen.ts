// How the tests of React components look at a page, and use it.
import { fireEvent, screen, within } from "@testing-library/react";

/** The names in all lists on the page, once there are any. */
export async function names(): Promise<(string | null)[]> {
  return (await screen.findAllByRole("heading", { level: 3 })).map((heading) => heading.textContent);
}

/** What is shown of the first interest of this name. */
export async function interest(name: string) {
  const [heading] = await screen.findAllByRole("heading", { level: 3, name });
  const item = heading?.closest("li");
  if (!item) throw new Error(`${name} is in no list`);
  return within(item);
}

export function press(place: Pick<typeof screen, "getByRole">, name: string) {
  fireEvent.click(place.getByRole("button", { name }));
}
