// The snippets of docs/federation.md are taken from the code of this folder. A snippet stands behind a link to a file and the
// part of it that lies between "#region name" and "#endregion".
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const read = (...path) => readFileSync(join(import.meta.dirname, ...path), "utf8");

function part(file, name) {
  const found = new RegExp(`^ *(?://|#) #region ${name}\\n([^]*?)^ *(?://|#) #endregion`, "m").exec(read(file));
  assert.ok(found, `${file} has no region ${name}`);
  const lines = found[1].trimEnd().split("\n");
  const indentation = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(indentation)).join("\n");
}

test("the snippets in docs/federation.md are tested code", () => {
  const page = read("../../docs/federation.md");
  const snippets = [...page.matchAll(/(?:^\[(\S+)\]\(\.\.\/test\/federation\/\S+#(\S+)\)\n)?^```(\w+)\n([^]*?)^```$/gm)];
  for (const [, file, name, language, text] of snippets) {
    if (language !== "sh") assert.equal(text.trimEnd(), part(file, name));
  }
  assert.equal(snippets.length, 5);
});
