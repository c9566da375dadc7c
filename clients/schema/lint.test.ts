// schema.graphqls is as the rules of eslint.config.js want it.
import { ESLint } from "eslint";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const eslint = new ESLint({ cwd: root, overrideConfigFile: join(import.meta.dirname, "eslint.config.js") });
const sdl = readFileSync(join(root, "schema.graphqls"), "utf8");

async function lint(text: string) {
  const results = await eslint.lintText(text, { filePath: "schema.graphqls" });
  return results.flatMap(({ messages }) => messages.map((m) => `${m.line}: ${m.message} (${m.ruleId})`));
}

test("the schema keeps the rules", async () => {
  expect(await lint(sdl)).toEqual([]);
});

test("each description that there is must be there", async () => {
  const descriptions = /^ *"""\n[^]*?\n *"""\n/gm;
  const missing = (await lint(sdl.replace(descriptions, ""))).filter((m) => m.includes("require-description"));
  expect(missing).toHaveLength(sdl.match(descriptions)?.length ?? NaN);
});
