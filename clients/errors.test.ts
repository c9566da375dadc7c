import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { actions } from "./errors";

const section = (file: string, heading: string) =>
  readFileSync(join(import.meta.dirname, "..", file), "utf8").split(/^## /m).find((text) => text.startsWith(heading)) ?? "";

const codes = (text: string) => [...new Set([...text.matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)].map(([, code]) => code!))].sort();

test("every code of the README has an action, and there are no others", () => {
  const rows = section("README.md", "Errors").split("\n").filter((line) => line.startsWith("| `"));
  const first = rows.map((row) => row.split(" | ")[0]).join();
  expect(codes(first)).toEqual(Object.keys(actions).sort());
});

test("the table for people says the same", () => {
  const rows = section("docs/frontend.md", "Errors").split("\n").filter((line) => line.startsWith("| `"));
  const told = rows.flatMap((row) => codes(row).map((code) => [code, /\*\*(.+)\*\*/.exec(row)?.[1]]));
  expect(Object.fromEntries(told)).toEqual(actions);
});
