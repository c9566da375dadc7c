// The audit of GraphQL over HTTP that the working group's own implementation brings along, against a running ProfileQL:
// PROFILEQL_URL is the address of its page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";

const address = process.env.PROFILEQL_URL;
assert.ok(address, "PROFILEQL_URL must be the address of a running ProfileQL");

// What the specification leaves open and is different here: there is no GET, which other web pages could send. What is
// no different any more has to leave.
const notAnswered = "Response status code is not 200";
const intended = new Map([["5A70", notAnswered], ["D6D5", notAnswered], ["6A70", notAnswered]]);

for (const audit of serverAudits({ url: new URL("graphql", address).href, fetchFn: fetch })) {
  test(`${audit.id}: ${audit.name}`, async () => {
    const result = await audit.fn();
    const reason = result.status === "ok" ? "" : result.reason;
    if (intended.has(audit.id)) {
      assert.ok(audit.name.startsWith("MAY"), "only what the specification leaves open may be different");
      assert.equal(reason, intended.get(audit.id));
    } else {
      assert.equal(result.status, "ok", reason);
    }
  });
}
