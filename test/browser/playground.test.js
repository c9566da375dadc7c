// The playground in a real Chromium, against a running ProfileQL: PROFILEQL_URL is the address of its page. SCREENSHOTS,
// if set, is a folder for a picture of each tab after it has run; CHROMIUM is the browser, /usr/bin/chromium without it.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { chromiumOptions, seriousFindings, watch } from "./browser.js";

const address = process.env.PROFILEQL_URL;
assert.ok(address, "PROFILEQL_URL must be the address of a running ProfileQL");

let context, page, folder;
const requests = []; // every address that the browser asked for
const complaints = []; // what it wrote to its console, and errors on the page

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "profileql-browser-"));
  context = await chromium.launchPersistentContext(folder, {
    ...chromiumOptions,
    viewport: { width: 1280, height: 800 },
    permissions: ["clipboard-read", "clipboard-write"],
  });
  context.on("request", (request) => requests.push(request.url()));
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  await watch(page, { requests, complaints });
  await page.goto(address);
  await page.waitForSelector(".graphiql-container");
});

after(async () => {
  await context?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Whether a response is to an operation of the person, and not to one of the page's own. */
const isAnswer = (r) => r.url().endsWith("/graphql") && r.request().method() === "POST" && !/__schema|PlaygroundSources/.test(r.request().postData());

const shown = () => page.locator(".graphiql-response").innerText();

/** Runs the tab's operation, or of several the one named, and returns the response once it is shown. */
async function run(operation) {
  const answered = page.waitForResponse(isAnswer);
  await page.locator("button.graphiql-execute-button").click();
  if (operation) await page.getByRole("menuitem", { name: operation }).click();
  const response = await answered;
  const { data, errors, extensions } = await response.json();
  const part = errors ? errors[0].extensions.code : Object.keys(data)[0];
  await page.waitForFunction((text) => document.querySelector(".graphiql-response")?.innerText.includes(text), part);
  await page.locator(".pq-summary").waitFor();
  return { response, data, errors, trace: extensions.trace.requests };
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

/** Runs a command in a shell. */
const sh = (command, env) => promisify(execFile)("sh", ["-c", command], { env: { ...process.env, ...env } });

async function picture(name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
}

test("before the first answer, the page says what to do", async () => {
  assert.match(await page.locator(".pq-panel").innerText(), /^Press (Ctrl|⌘) Enter/);
  await picture("start");
});

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

test("the update's PATCH is shown, with null and without what was left out, and can be repeated with curl", async () => {
  await open("Update");
  const { trace } = await run();
  assert.equal(trace.length, 1);
  const [patch] = trace;
  assert.equal(patch.method, "PATCH");
  assert.deepEqual(patch.body, { displayName: "Chess by correspondence", description: null, categories: ["games"] });
  const shownBody = await page.locator(".pq-body").innerText();
  assert.deepEqual(JSON.parse(shownBody), patch.body);

  await page.getByRole("button", { name: "Copy as curl" }).click();
  await page.getByText("Copied").waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(!command.includes("Authorization"));
  const { stdout } = await sh(command.replace("curl ", "curl -s -w '%{http_code}' "));
  assert.ok(stdout.endsWith(String(patch.status)), stdout);
  const item = JSON.parse(stdout.slice(0, -3));
  assert.equal(item.displayName, patch.body.displayName);
  assert.equal(item.description, null);
});

test("each request of a trace can be repeated with curl, and with the token of a person", async () => {
  await page.getByLabel("Signed in as").selectOption("佐藤 ゆき");
  await open("Batch");
  const { trace, response } = await run();
  assert.equal((await response.request().allHeaders()).authorization, "Bearer yuki@example.com");
  const rows = page.locator(".pq-requests > li");
  assert.equal(await rows.count(), trace.length);
  for (let i = 0; i < trace.length; i++) {
    const row = rows.nth(i);
    await row.locator("summary").click();
    await row.getByRole("button", { name: "Copy as curl" }).click();
    await row.getByText("Copied").waitFor();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(command.includes("$TOKEN") && !command.includes("yuki"));
    const { stdout } = await sh(command.replace("curl ", "curl -s -o /dev/null -w '%{http_code}' "), { TOKEN: "yuki@example.com" });
    assert.equal(stdout, "200", command);
  }
  const { right, left } = await page.locator(".graphiql-editors").evaluate((e) => e.getBoundingClientRect());
  assert.ok(right - left > 400 && left >= 0, "a long path does not push the editor away");
  await picture("batch");
  await page.getByLabel("Signed in as").selectOption("nobody (no token)");
});

test("Ctrl+Enter runs from anywhere, and the sources are shown with their state", async () => {
  await open("Named");
  await page.getByRole("heading", { name: "ProfileQL" }).click();
  const answered = page.waitForResponse(isAnswer);
  await page.keyboard.press("Control+Enter");
  assert.equal((await answered).status(), 200);
  assert.deepEqual(await page.locator(".pq-sources li").allInnerTexts(), ["sandbox: up", "lab: up"]);
});

test("a link opens the page with an operation, and never holds a token", async () => {
  await page.getByLabel("Signed in as").selectOption("佐藤 ゆき");
  await open("Batch");
  await variables({ first: 2 });
  await page.getByLabel("Copy a link to this operation").click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(link.startsWith(`${address}#`) && !/yuki|oken/.test(link), link);
  const other = await context.newPage();
  await other.goto(link);
  await other.waitForSelector(".graphiql-container");
  assert.deepEqual(await other.locator(".graphiql-tab").allInnerTexts(), ["Batch", "Update", "Create", "Mine", "Merged", "Profile", "Named", "Refused"]);
  const answered = other.waitForResponse(isAnswer);
  await other.keyboard.press("Control+Enter");
  assert.equal((await (await answered).json()).data.me.interests.nodes.length, 2);
  await other.close();
  await page.getByLabel("Signed in as").selectOption("nobody (no token)");
});

test("a browser that opens the endpoint is led to the page", async () => {
  const other = await context.newPage();
  await other.goto(new URL("graphql", address).href);
  assert.equal(other.url(), address);
  await other.waitForSelector(".graphiql-container");
  await other.close();
});

test("operations can be built by clicking", async () => {
  await open("Named");
  await page.getByLabel("Show GraphiQL Explorer").click();
  await page.locator(".docExplorerWrap, .graphiql-explorer-root").first().waitFor();
  await picture("explorer");
  await page.getByLabel("Hide GraphiQL Explorer").click();
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
  const explained = context.waitForEvent("page");
  await page.getByRole("link", { name: "NOT_FOUND" }).click();
  const explanation = await explained;
  await explanation.locator("dt:has(:target) + dd").filter({ hasText: "the source has no such item" }).waitFor();
  await explanation.close();
});

test("the documentation of the schema is there, and finds fields by name", async () => {
  await page.getByLabel("Show Documentation Explorer").click();
  await page.locator(".graphiql-doc-explorer-content").getByText("Mutation", { exact: true }).first().click();
  await page.locator(".graphiql-doc-explorer-content").getByText("updatePersonInterest").first().waitFor();
  await page.locator(".graphiql-doc-explorer-search input").fill("certificationId");
  await page.getByRole("option", { name: /certificationId/ }).first().click();
  await page.locator(".graphiql-doc-explorer-title").getByText("certificationId").waitFor();
  await page.getByLabel("Hide Documentation Explorer").click();
});

test("a token stays in memory, and is gone with the page", async () => {
  const token = "a-token-of-the-browser-test";
  await open("Update");
  await page.getByLabel("Signed in as").selectOption("holder of a bearer token");
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
  assert.equal(await page.getByLabel("Bearer token").count(), 0);
  const again = await run();
  assert.equal((await again.response.request().allHeaders()).authorization, undefined);
});

test("headers of the operation go before the token's field", async () => {
  await page.getByLabel("Signed in as").selectOption("holder of a bearer token");
  await page.getByLabel("Bearer token").fill("of-the-field");
  await page.getByRole("button", { name: "Headers" }).click();
  await page.locator(".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror").click();
  await page.keyboard.insertText(`{"authorization": "Bearer of-the-headers"}`);
  const { response } = await run();
  assert.equal((await response.request().allHeaders()).authorization, "Bearer of-the-headers");
});

test("it can be used in light and dark, in a narrow window, and with a screen reader", async () => {
  for (const [name, colorScheme, width] of [["light", "light", 1280], ["dark", "dark", 1280], ["narrow", "light", 420], ["narrow-dark", "dark", 420]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await open("Update");
    await run();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `the page is ${wide} pixels wide in a window of ${width}`);
    for (const ours of [".pq-header", ".pq-panel"]) {
      assert.deepEqual(await seriousFindings(page, page.locator(ours)), [], `${ours} in ${name}`);
    }
    // The rest is GraphiQL's own: docs/playground.md lists it.
    const known = ["color-contrast", "label", "nested-interactive", "scrollable-region-focusable"];
    assert.deepEqual((await seriousFindings(page)).map(({ id }) => id).filter((id) => !known.includes(id)), [], `GraphiQL's own in ${name}`);
    await picture(name);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
});

// Last, because it speaks of all that went before.
test("nothing was asked of another host, and the console is clean", () => {
  const elsewhere = requests.filter((url) => !url.startsWith("data:") && new URL(url).host !== new URL(address).host);
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(complaints, []);
});
