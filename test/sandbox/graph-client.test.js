// Microsoft's own JavaScript client against a running sandbox: SANDBOX_URL is its address, without /beta.
//
// The client keeps its token for https, whatever customHosts says, and knows an absolute link by https://; of one with
// http:// it makes a path below /beta. So the sandbox has to be served with TLS, and NODE_EXTRA_CA_CERTS has to name
// its certificate.
import assert from "node:assert/strict";
import { test } from "node:test";
import graph from "@microsoft/microsoft-graph-client";

const { BatchRequestContent, BatchResponseContent, Client, GraphError, PageIterator } = graph;

const address = process.env.SANDBOX_URL;
assert.match(address ?? "", /^https:/, "SANDBOX_URL must be the address of a running sandbox, with https");

const interests = "/me/profile/interests";
const ada = connect(address, "ada@example.com");
const yuki = connect(address, "yuki@example.com");

function connect(baseUrl, person) {
  return Client.init({
    baseUrl,
    defaultVersion: "beta",
    customHosts: new Set(["127.0.0.1"]), // names alone: the client cuts the port off before it looks
    authProvider: (done) => done(null, person),
  });
}

async function create(t, client, interest) {
  const made = await client.api(interests).post(interest);
  t.after(() => remove(client, made.id));
  return made;
}

async function remove(client, id) {
  await client.api(`${interests}/${id}`).delete().catch((error) => {
    if (error.statusCode !== 404) throw error;
  });
}

async function eightAtATime(list, work) {
  const left = list.values();
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (const one of left) await work(one);
  }));
}

const ids = (items) => items.map(({ id }) => id);

test("a list shows what was created", async (t) => {
  const { id } = await create(t, ada, { displayName: "Lighthouses" });
  const { value } = await ada.api(interests).select(["id", "displayName"]).filter("displayName eq 'Lighthouses'").get();
  assert.deepEqual(value, [{ id, displayName: "Lighthouses" }]);
});

test("PageIterator follows the links, as the same person, to every item once", async (t) => {
  const made = [];
  t.after(() => eightAtATime(made, (id) => remove(yuki, id)));
  await eightAtATime([...Array(120).keys()], async (i) => {
    made.push((await yuki.api(interests).post({ displayName: `Walk ${i}` })).id);
  });

  const walks = yuki.api(interests).select("id").filter("startswith(displayName,'Walk')").orderby("displayName desc");
  for (const { name, list, size, skipped = 0 } of [
    { name: "pages of the sandbox's size", list: yuki.api(interests), size: 100 },
    { name: "pages of seven", list: yuki.api(interests).top(7), size: 7 },
    { name: "pages with other options", list: walks.top(50).skip(5).count(true), size: 50, skipped: 5 },
  ]) {
    await t.test(name, async () => {
      const first = await list.get();
      assert.equal(first.value.length, size);
      assert.ok(first["@odata.nextLink"].startsWith(`${address}/beta${interests}?`), first["@odata.nextLink"]);
      const seen = [];
      const iterator = new PageIterator(yuki, first, ({ id }) => seen.push(id));
      await iterator.iterate();
      assert.ok(iterator.isComplete());
      assert.equal(new Set(seen).size, seen.length);
      assert.equal(made.filter((id) => !seen.includes(id)).length, skipped);
    });
  }
});

test("an item is created, read, updated and deleted", async (t) => {
  const written = { displayName: "Bookbinding", description: "By hand", categories: ["Crafts"] };
  const { id } = await create(t, ada, written);
  const item = ada.api(`${interests}/${id}`);
  const { description, categories, ...kept } = written;
  const created = await item.get();
  assert.deepEqual({ ...created, ...written }, created);

  await item.update({ description: null, categories: [] });
  const updated = await item.get();
  assert.deepEqual({ ...updated, ...kept, description: null, categories: [] }, updated);

  await item.delete();
  await assert.rejects(item.get(), (error) => {
    assert.ok(error instanceof GraphError);
    assert.deepEqual([error.statusCode, error.code], [404, "UnknownError"]);
    return true;
  });
});

test("the token chooses the person", async (t) => {
  const { id, createdBy } = await create(t, yuki, { displayName: "Calligraphy" });
  const hers = await create(t, ada, { displayName: "Fencing" });
  assert.notEqual(createdBy.user.id, hers.createdBy.user.id);
  assert.ok(ids((await yuki.api(interests).get()).value).includes(id));
  assert.ok(!ids((await ada.api(interests).get()).value).includes(id));
  await assert.rejects(ada.api(`${interests}/${id}`).get(), { statusCode: 404 });
});

// The client cuts scheme and host off; the rest is what the batch asks for, relative to /beta.
function step(id, method, path, { dependsOn, body } = {}) {
  const content = body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return { id, dependsOn, request: new Request(address + path, { method, ...content }) };
}

async function batch(client, steps) {
  const content = await new BatchRequestContent(steps).getContent();
  const responses = new BatchResponseContent(await client.api("/$batch").post(content));
  return steps.map(({ id }) => responses.getResponseById(id));
}

const statuses = (responses) => responses.map(({ status }) => status);

test("a batch creates, reads after that what it created, and deletes it", async (t) => {
  const mine = () => yuki.api(interests).select("id").filter("displayName eq 'Batch'").get();
  t.after(async () => eightAtATime(ids((await mine()).value), (id) => remove(yuki, id)));
  const steps = [
    step("1", "POST", interests, { body: { displayName: "Batch" } }),
    step("2", "POST", interests, { body: { displayName: "Batch" }, dependsOn: ["1"] }),
    step("3", "GET", `${interests}?$select=id&$filter=displayName eq 'Batch'`, { dependsOn: ["2"] }),
  ];
  const responses = await batch(yuki, steps);
  assert.deepEqual(statuses(responses), [201, 201, 200]);
  const [one, two, list] = await Promise.all(responses.map((response) => response.json()));
  const made = [one.id, two.id];
  assert.deepEqual(ids(list.value).sort(), made.toSorted());

  assert.deepEqual(statuses(await batch(yuki, made.map((id) => step(id, "DELETE", `${interests}/${id}`)))), [204, 204]);
  assert.deepEqual((await mine()).value, []);
});

test("a request that depends on a failed one is answered 424", async () => {
  const steps = [
    step("1", "POST", interests, { body: {} }),
    step("2", "GET", interests, { dependsOn: ["1"] }),
  ];
  assert.deepEqual(statuses(await batch(ada, steps)), [400, 424]);
});
