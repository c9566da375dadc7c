// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { App } from "./App";
import { MyInterests } from "./MyInterests";
import { names, signIn } from "./testing";

test("who signs in next sees nothing of the person before", async () => {
  const ada = signIn("ada@example.com");
  const yuki = signIn("yuki@example.com");
  const app = ({ session }: typeof ada) => (
    <App session={session}>
      <MyInterests />
    </App>
  );
  const { rerender } = render(app(ada));
  await screen.findByText("20 of 75 interests");

  rerender(app(yuki));
  expect(screen.queryByRole("heading")).toBeNull();
  await screen.findByText("15 of 15 interests");
  expect(await names()).toContain("将棋");
  expect(yuki.operations).toEqual(["MyInterestsQuery"]);

  rerender(app(ada));
  await screen.findByText("20 of 75 interests");
  expect(await names()).not.toContain("将棋");
});
