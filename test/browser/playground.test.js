// The playground in a real Chromium, against a running ProfileQL: PROFILEQL_URL is the address of its page. SCREENSHOT,
// if set, is where a picture of the page after the mutation goes; CHROMIUM is the browser, /usr/bin/chromium without it.
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

const result = () => page.locator(".graphiql-response").innerText();

async function run() {
  const answered = page.waitForResponse((r) => r.url().endsWith("/graphql") && r.request().postData()?.includes("mutation"));
  await page.locator("button.graphiql-execute-button").click();
  const response = await answered;
  await page.waitForFunction(() => document.querySelector(".graphiql-response")?.innerText.includes("updatePersonInterest"));
  return response;
}

test("the update runs as it stands, and its answer is shown", async () => {
  const response = await run();
  assert.equal(response.status(), 200);
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  const item = data.updatePersonInterest.personInterest;
  assert.equal(item.description, null);
  assert.deepEqual(item.categories, ["games"]);
  const shown = await result();
  assert.ok(shown.includes(item.displayName), `the answer shows ${shown}`);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
});

test("the documentation of the schema is there", async () => {
  await page.getByLabel("Show Documentation Explorer").click();
  await page.locator(".graphiql-doc-explorer-content").getByText("Mutation", { exact: true }).first().click();
  await page.locator(".graphiql-doc-explorer-content").getByText("updatePersonInterest").first().waitFor();
});

test("a token stays in memory, and is gone with the page", async () => {
  const token = "a-token-of-the-browser-test";
  await page.getByRole("button", { name: "Headers" }).click();
  await page.locator(".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror").click();
  await page.keyboard.insertText(`{"Authorization": "Bearer ${token}"}`);
  const response = await run();
  assert.equal((await response.request().allHeaders()).authorization, `Bearer ${token}`);

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
  const again = await run();
  assert.equal((await again.request().allHeaders()).authorization, undefined);
});

// Last, because it speaks of all that went before.
test("nothing was asked of another host, and the console is clean", () => {
  const elsewhere = requests.filter((url) => !url.startsWith("data:") && new URL(url).host !== new URL(address).host);
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(complaints, []);
});
