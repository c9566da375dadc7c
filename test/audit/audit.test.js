// GraphQL over HTTP as the audits of the reference implementation understand it, against a running ProfileQL:
// PROFILEQL_URL is the address of its page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";

const address = process.env.PROFILEQL_URL;
assert.ok(address, "PROFILEQL_URL must be the address of a running ProfileQL");

// What differs on purpose. Only a MAY can stand here: the specification leaves it to the server.
const differs = {
  "5A70": "GET is off: a link or a picture on any web page could send it",
  "D6D5": "GET is off, so its parameter {variables} is not read",
  "6A70": "GET is off, so its parameter {variables} is not read",
};

const audits = serverAudits({ url: new URL("graphql", address).href, fetchFn: fetch });

for (const { id, name, fn } of audits) {
  test(`${id} ${name}${id in differs ? `, but ${differs[id]}` : ""}`, async () => {
    const { status, reason, response } = await fn();
    if (!(id in differs)) {
      assert.equal(status, "ok", `${reason}; the answer is ${response?.status} ${response?.headers.get("content-type")}`);
      return;
    }
    // An exception that is none any more has to leave the table, and so has one that fails for another reason.
    assert.match(name, /^MAY /);
    assert.equal(status, "notice", "this is as the audit wants it: no exception is needed");
    assert.equal(response.status, 405);
  });
}

test("every exception names an audit", () => {
  const known = audits.map(({ id }) => id);
  assert.deepEqual(Object.keys(differs).filter((id) => !known.includes(id)), []);
});
