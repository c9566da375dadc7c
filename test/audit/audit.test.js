// GraphQL over HTTP as the audits of the reference implementation understand it, against a running ProfileQL:
// PROFILEQL_URL is the address of its page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";

const address = process.env.PROFILEQL_URL;
assert.ok(address, "PROFILEQL_URL must be the address of a running ProfileQL");

const audits = serverAudits({ url: new URL("graphql", address).href, fetchFn: fetch });

for (const { id, name, fn } of audits) {
  test(`${id} ${name}`, async () => {
    const { status, reason, response } = await fn();
    assert.equal(status, "ok", `${reason}; the answer is ${response?.status} ${response?.headers.get("content-type")}`);
  });
}
