// The snippets of docs/frontend are taken from code that is tested. A snippet stands behind a link to a file of this
// folder and, if it is a part of it, the part: [apollo/cache.ts](../../clients/apollo/cache.ts#cache) is what lies
// between "// #region cache" and "// #endregion" there, without its indentation.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const pages = ["docs/frontend.md", ...readdirSync(join(root, "docs/frontend")).map((name) => `docs/frontend/${name}`)];

/** Languages whose snippets may stand for themselves: what is typed into a shell, and what a server answers. */
const free = new Set(["sh", "json", "text"]);

function part(file: string, name: string | undefined): string {
  const text = readFileSync(join(import.meta.dirname, file), "utf8");
  if (name === undefined) return text.trimEnd();
  const region = new RegExp(`^[ ]*(?://|#|/\\*) #region ${name}\\b.*\\n([^]*?)^[ ]*(?://|#|/\\*) #endregion`, "m").exec(text);
  if (!region) throw new Error(`${file} has no region ${name}`);
  const lines = region[1]!.trimEnd().split("\n");
  const indentation = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(indentation)).join("\n");
}

const snippets = pages.flatMap((page) =>
  [...readFileSync(join(root, page), "utf8").matchAll(/(?:^\[(\S+)\]\((\S+?)(?:#(\S+))?\)\n)?^```(\w*)\n([^]*?)^```$/gm)]
    .filter(([, file, , , language]) => file !== undefined || !free.has(language!))
    .map(([, file, link, name, , text], i) => ({ page, title: `${file ?? "nowhere"}#${name ?? i}`, file, link, name, text: text! })),
);

test.each(snippets)("$page: the snippet $title is tested code", ({ page, file, link, name, text }) => {
  expect(file, "a link names where the snippet is from").toBeDefined();
  expect(join(root, dirname(page), link!)).toBe(join(import.meta.dirname, file!));
  expect(text.trimEnd()).toBe(part(file!, name));
});

test("every page has snippets", () => {
  for (const page of pages.slice(1)) expect(snippets.map((s) => s.page)).toContain(page);
});
