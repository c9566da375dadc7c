// The playground in a real Chromium, against a running ProfileQL: PROFILEQL_URL is the address of its page. SCREENSHOTS,
// if set, is a folder for a picture of each tab after it has run; CHROMIUM is the browser, /usr/bin/chromium without it.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const address = process.env.PROFILEQL_URL;
assert.ok(address, "PROFILEQL_URL must be the address of a running ProfileQL");

let context, page, folder;
const requests = []; // every address that the browser asked for
const complaints = []; // what it wrote to its console, and errors on the page

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "profileql-browser-"));
  context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    viewport: { width: 1280, height: 800 },
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  context.on("request", (request) => requests.push(request.url()));
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("websocket", (socket) => requests.push(socket.url()));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  await page.goto(address);
  await page.waitForSelector(".graphiql-container");
});

after(async () => {
  await context?.close();
  await rm(folder, { recursive: true, force: true });
});

const shown = () => page.locator(".graphiql-response").innerText();

/** Runs the tab's operation, or of several the one named, and returns the response once it is shown. */
async function run(operation) {
  const answered = page.waitForResponse((r) => r.url().endsWith("/graphql") && !r.request().postData()?.includes("__schema"));
  await page.locator("button.graphiql-execute-button").click();
  if (operation) await page.getByRole("menuitem", { name: operation }).click();
  const response = await answered;
  const { data, errors } = await response.json();
  const part = errors ? errors[0].extensions.code : Object.keys(data)[0];
  await page.waitForFunction((text) => document.querySelector(".graphiql-response")?.innerText.includes(text), part);
  return { response, data, errors };
}

/** Opens a tab, as it is from the start. */
async function open(tab) {
  await page.locator(".graphiql-tab").getByRole("button", { name: tab, exact: true }).click();
  await page.waitForFunction((name) => document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror
    .operations?.some((operation) => operation.name.value === name), tab); // GraphiQL has read the document
  const comment = await page.evaluate(() => document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror
    .getValue().split("\n").filter((line) => line.startsWith("#")));
  assert.equal(comment.length, 2, "two lines say what the tab is for");
}

const variables = (value) => page.evaluate((text) => document
  .querySelectorAll(".graphiql-editor-tool .CodeMirror")[0].CodeMirror.setValue(text), JSON.stringify(value, null, 2));

async function picture(name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
}

test("update: runs as it stands, and its answer is shown", async () => {
  await open("Update");
  const { response, data, errors } = await run();
  assert.equal(response.status(), 200);
  assert.equal(errors, undefined);
  const item = data.updatePersonInterest.personInterest;
  assert.equal(item.description, null);
  assert.deepEqual(item.categories, ["games"]);
  assert.ok((await shown()).includes(item.displayName));
  await picture("update");
});

test("create and delete: what the one adds, the other takes away", async () => {
  await open("Create");
  const created = await run("Create");
  assert.equal(created.errors, undefined);
  const { id, displayName } = created.data.createPersonInterest.personInterest;
  assert.equal(displayName, "Bell ringing");
  await picture("create");
  await variables({ old: { id } });
  const deleted = await run("Delete");
  assert.deepEqual(deleted.data, { deleteProfileItem: { deletedId: id } });
});

test("pages: the next one begins where the first ends", async () => {
  await open("Mine");
  const first = (await run()).data.me.interests;
  assert.equal(first.nodes.length, 5);
  await picture("mine");
  await variables({ first: 5, after: first.pageInfo.endCursor });
  const second = (await run()).data.me.interests;
  assert.equal(second.nodes.length, 5);
  assert.ok(second.nodes.every(({ id }) => first.nodes.every((node) => node.id !== id)));
});

test("several sources: merged, and one by its name", async () => {
  await open("Merged");
  const merged = (await run()).data.me.interests;
  assert.deepEqual([...new Set(merged.nodes.map((node) => node.profileSource.name))].sort(), ["lab", "sandbox"]);
  assert.deepEqual(merged.failedSources, []);
  await picture("merged");
  await open("Named");
  const named = (await run()).data;
  assert.deepEqual(named.profileSources.map(({ name, state }) => [name, state]), [["sandbox", "UP"], ["lab", "UP"]]);
  assert.ok(named.me.interests.nodes.every((node) => node.profileSource.name === "lab"));
  assert.ok(named.me.interests.totalCount < merged.totalCount);
  await picture("named");
});

test("a whole profile: something of every facet, and nothing is missing", async () => {
  await open("Profile");
  const introspection = `{ __type(name: "Profile") { fields { name type { name } } } }`;
  const answer = await fetch(new URL("graphql", address), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query: introspection }),
  });
  const { fields } = (await answer.json()).data.__type;
  const facets = fields.filter(({ type }) => type.name?.endsWith("Connection")).map(({ name }) => name);
  const { data, errors } = await run();
  assert.equal(errors, undefined);
  assert.deepEqual(Object.keys(data.me).sort(), facets.sort());
  for (const facet of facets) assert.ok(data.me[facet].nodes.length > 0, `there is something in ${facet}`);
  for (const { failedSources = [] } of Object.values(data.me)) assert.deepEqual(failedSources, []);
  await picture("profile");
});

test("an error on purpose: its code is shown", async () => {
  await open("Refused");
  const { data, errors } = await run();
  assert.equal(data.updatePersonInterest, null);
  assert.equal(errors[0].extensions.code, "NOT_FOUND");
  await picture("refused");
});

test("the documentation of the schema is there", async () => {
  await page.getByLabel("Show Documentation Explorer").click();
  await page.locator(".graphiql-doc-explorer-content").getByText("Mutation", { exact: true }).first().click();
  await page.locator(".graphiql-doc-explorer-content").getByText("updatePersonInterest").first().waitFor();
});

test("a token stays in memory, and is gone with the page", async () => {
  const token = "a-token-of-the-browser-test";
  await open("Update");
  await page.getByLabel("Bearer token").fill(`Bearer ${token}`);
  const { response } = await run();
  assert.equal((await response.request().allHeaders()).authorization, `Bearer ${token}`);
  await picture("token");

  const kept = await page.evaluate(async () => ({
    local: { ...localStorage },
    session: { ...sessionStorage },
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
    cookies: document.cookie,
  }));
  assert.deepEqual(kept, { local: {}, session: {}, databases: [], caches: [], cookies: "" });
  assert.deepEqual(await context.cookies(), []);

  await page.reload();
  await page.waitForSelector(".graphiql-container");
  assert.equal(await page.getByLabel("Bearer token").inputValue(), "");
  const again = await run();
  assert.equal((await again.response.request().allHeaders()).authorization, undefined);
});

test("headers of the operation go before the token's field", async () => {
  await page.getByLabel("Bearer token").fill("of-the-field");
  await page.getByRole("button", { name: "Headers" }).click();
  await page.locator(".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror").click();
  await page.keyboard.insertText(`{"authorization": "Bearer of-the-headers"}`);
  const { response } = await run();
  assert.equal((await response.request().allHeaders()).authorization, "Bearer of-the-headers");
});

// Last, because it speaks of all that went before.
test("nothing was asked of another host, and the console is clean", () => {
  const elsewhere = requests.filter((url) => !url.startsWith("data:") && new URL(url).host !== new URL(address).host);
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(complaints, []);
});
