// The demo in a real Chromium, used as a person would. PROFILEQL_DEMO_URL is the address of the page of a ProfileQL that was
// just started with the command demo, whose source lab is slow and fails (internal/demo/faults.json). SCREENSHOTS, if set,
// is a folder for pictures; CHROMIUM is the browser, /usr/bin/chromium without it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { chromiumOptions, seriousFindings, watch } from "./browser.js";

const address = process.env.PROFILEQL_DEMO_URL;
assert.ok(address, "PROFILEQL_DEMO_URL must be the address of a running demo");

let browser, page;
const requests = []; // every address that the browser asked for
const complaints = []; // what it wrote to its console, and errors on the page
const tokens = []; // the header Authorization of each operation

before(async () => {
  browser = await chromium.launch(chromiumOptions);
  page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
  page.setDefaultTimeout(20_000);
  page.on("request", (request) => {
    requests.push(request.url());
    if (request.url().endsWith("/graphql")) tokens.push(request.headers().authorization);
  });
  await watch(page, { requests, complaints });
  await page.goto(address);
});

after(() => browser?.close());

const facet = (title) => page.getByRole("region", { name: title, exact: true });
const items = (title) => facet(title).getByRole("listitem");
const item = (title, name) => items(title).filter({ hasText: name });
const operations = () => page.getByRole("complementary", { name: "Requests" }).locator("ol > li");
const newest = () => operations().first();

const hasFocus = (element) => element === document.activeElement;

/** Waits until the newest operation has this name and its requests, and returns the text of its entry. */
async function operation(name) {
  await newest().getByText(name, { exact: true }).waitFor();
  await newest().getByText(/\d requests?,/).waitFor();
  return newest().innerText();
}

/** The body of the newest operation's only request. */
const body = async () => JSON.parse(await newest().locator("ul > li > pre").innerText());

/** Opens the editor of a value, types and saves, all with the keyboard. */
async function edit(where, label, text) {
  await where.getByRole("button", { name: new RegExp(`^${label} of .*Edit$`) }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

/** Holds back the next operation until the returned function is called: what is shown before its answer can be seen. */
async function hold() {
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  await page.route("**/graphql", async (route) => {
    await released;
    await route.continue();
  }, { times: 1 });
  return release;
}

async function picture(name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `demo-${name}.png`) });
}

/** Checks the page, or a part of it, in both color schemes as it is now. */
async function isAccessible(name, part = page.locator("body")) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await picture(`${name}-${colorScheme}`);
    assert.deepEqual(await seriousFindings(page, part), [], `${name}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

test("signing in reads the whole profile with one operation", async () => {
  await page.getByText("Another bearer token").click();
  await isAccessible("sign-in");
  await page.getByRole("button", { name: "Ada Lindqvist" }).click();
  await facet("Websites").waitFor();
  assert.deepEqual(tokens, ["Bearer ada@example.com"]);
  assert.equal(await page.getByRole("region").count(), 19);
  const text = await operation("WholeProfile");
  assert.equal(text.match(/POST \/\$batch/g).length, 2, text); // one for each source
  for (const region of await page.getByRole("region").all()) assert.ok(await region.getByRole("listitem").count() > 0);
});

test("a source that fails is named, and what it has comes when it is asked again", async () => {
  const missing = "What the source “lab” has is missing here.";
  const failed = facet("Interests").getByText(missing);
  await failed.waitFor();
  await facet("Interests").getByText("SOURCE_UNAVAILABLE").waitFor();
  assert.equal(await item("Interests", "Electron microscopy").count(), 0);
  await isAccessible("profile");
  await facet("Interests").scrollIntoViewIfNeeded();
  await picture("partial");
  await facet("Interests").getByRole("button", { name: "Try again" }).click();
  await item("Interests", "Electron microscopy").waitFor();
  assert.equal(await failed.count(), 0);
  await operation("Interests");
  const forbidden = facet("Publications").getByRole("alert");
  assert.ok((await forbidden.innerText()).startsWith(`${missing} This is not permitted. FORBIDDEN`));
  assert.equal(await facet("Publications").getByRole("button", { name: "Try again" }).count(), 0); // it would not help
});

test("an edit is one PATCH with only what was changed", async () => {
  const walks = item("Interests", "Long walks");
  await edit(walks, "Description", "In the rain, too");
  assert.match(await operation("UpdatePersonInterest"), /1 request, [^]*PATCH \/me\/profile\/interests\/[^]*200/);
  assert.deepEqual(await body(), { description: "In the rain, too" });
  await facet("Interests").getByText("Description is saved.").waitFor();
  const value = walks.getByRole("button", { name: "Description of Long walks: In the rain, too. Edit" });
  assert.ok(await value.evaluate(hasFocus), "the focus is back at the value");

  await value.click();
  await isAccessible("edit", walks);
  await walks.getByRole("button", { name: "Clear" }).click();
  await walks.getByRole("button", { name: "Description of Long walks: empty. Edit" }).waitFor();
  await facet("Interests").getByText("Description is saved.").waitFor();
  assert.deepEqual(await body(), { description: null });
});

test("nothing is sent where nothing was changed", async () => {
  const before = tokens.length;
  const value = item("Interests", "Long walks").getByRole("button", { name: /^Display name of / });
  await value.click();
  await page.keyboard.type("!");
  await page.keyboard.press("Escape");
  await value.click();
  await page.keyboard.press("Enter");
  await value.waitFor();
  assert.equal(await value.innerText(), "Long walks");
  assert.equal(tokens.length, before);
});

test("a nested property is sent alone, and what is beside it stays", async () => {
  const home = item("Addresses", "Home").first();
  const city = await home.getByRole("button", { name: /^City of / }).innerText();
  await edit(home, "Street", "Harbor Road 1");
  await operation("UpdateItemAddress");
  assert.deepEqual(await body(), { detail: { street: "Harbor Road 1" } });
  await home.getByText("Harbor Road 1").waitFor();
  assert.equal(await home.getByRole("button", { name: /^City of / }).innerText(), city);
});

test("a change is shown before its answer comes", async () => {
  const certificate = item("Certifications", "Laser safety");
  const release = await hold();
  await edit(certificate, "Issuing authority", "Example Institute of Light");
  await certificate.getByText("Example Institute of Light").waitFor();
  assert.equal(await certificate.getAttribute("aria-busy"), "true");
  await newest().getByText("waiting…").waitFor();
  await picture("optimistic");
  release();
  await facet("Certifications").getByText("Issuing authority is saved.").waitFor();
  assert.equal(await certificate.getByText("Example Institute of Light").count(), 1);
});

test("a change that fails is taken back and explained, and can be tried again", async () => {
  const skill = item("Skills", "Sample preparation");
  const release = await hold();
  await edit(skill, "Display name", "Cutting samples");
  const changed = facet("Skills").getByRole("button", { name: "Display name of Cutting samples: Cutting samples. Edit" });
  await changed.waitFor(); // at once
  release();
  const alert = skill.getByRole("alert");
  await alert.waitFor();
  const later = skill.getByRole("button", { name: /^Try again in \d+ s$/ });
  assert.ok(await later.isDisabled(), "not earlier than the source wants it");
  const text = await alert.innerText();
  assert.match(text, /^Changing Display name to “Cutting samples”: Nothing was changed\. Please try again\. Source: lab\. THROTTLED/);
  assert.equal(await skill.getByRole("button", { name: /^Display name of / }).innerText(), "Sample preparation");
  await isAccessible("refused", skill);
  await facet("Skills").getByRole("button", { name: "Try again", exact: true }).click();
  await facet("Skills").getByText("Display name is saved.").waitFor();
  await changed.waitFor();
  assert.equal(await facet("Skills").getByRole("alert").count(), 0);
});

test("a change whose outcome is unknown is looked up", async () => {
  const german = item("Languages", "Deutsch");
  await edit(german, "Tag", "de-AT");
  await german.getByRole("alert").getByText("OUTCOME_UNKNOWN").waitFor();
  await german.getByRole("button", { name: "Tag of Deutsch: de-AT. Edit" }).waitFor(); // it was done
  await operation("OneLanguageProficiency");
});

test("more items are loaded, each of them once", async () => {
  const before = await items("Interests").count();
  await facet("Interests").getByRole("button", { name: "More Interests" }).click();
  await facet("Interests").getByText("The next page is loaded.").waitFor();
  await items("Interests").nth(before + 3).waitFor();
  const names = await facet("Interests").locator(".name .value").allInnerTexts();
  assert.equal(names.length, before + 4);
  assert.equal(new Set(names).size, names.length);
});

test("an item is created and deleted", async () => {
  await page.getByRole("button", { name: "Add to Websites" }).click();
  const form = page.getByRole("form", { name: "New in Websites" });
  await isAccessible("new", form);
  await form.getByRole("button", { name: "Add" }).click(); // without its name
  await form.getByRole("alert").getByText("Please correct your input.").waitFor();
  await form.getByLabel("Display name").fill("My page");
  await form.getByLabel("Web URL").fill("https://example.org/me");
  await form.getByRole("button", { name: "Add" }).click();
  await facet("Websites").getByText("The new item is in Websites.").waitFor();
  await operation("CreatePersonWebsite");
  assert.deepEqual(await body(), { displayName: "My page", webUrl: "https://example.org/me" });
  const added = item("Websites", "My page");
  await added.getByRole("button", { name: "Delete My page" }).click();
  await added.getByRole("button", { name: "Keep it" }).click();
  assert.ok(await added.evaluate(hasFocus), "the focus stays at the item");
  await added.getByRole("button", { name: "Delete My page" }).click();
  await page.keyboard.press("Enter"); // the question has the focus
  await facet("Websites").getByText("My page is deleted.").waitFor();
  assert.equal(await added.count(), 0);
  assert.ok(await page.getByRole("heading", { name: "Websites" }).evaluate(hasFocus));
  assert.match(await operation("Delete"), /DELETE \/me\/profile\/websites\//);
});

test("nothing is stored, and signing out empties the page and the cache", async () => {
  const stored = () => page.evaluate(async () => ({
    local: { ...localStorage }, session: { ...sessionStorage }, databases: await indexedDB.databases(),
    caches: await caches.keys(), cookies: document.cookie,
  }));
  const nothing = { local: {}, session: {}, databases: [], caches: [], cookies: "" };
  assert.deepEqual(await stored(), nothing);
  const hers = await page.locator(".name .value").allInnerTexts();
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await page.getByText("Long walks").count(), 0);
  tokens.length = 0;
  await page.getByRole("button", { name: "yuki@example.com" }).click();
  await facet("Interests").getByText("温泉").waitFor();
  await operation("WholeProfile");
  assert.deepEqual(tokens, ["Bearer yuki@example.com"]);
  assert.equal(await operations().count(), 1);
  const his = await page.locator(".name .value").allInnerTexts();
  assert.ok(!his.includes("Long walks") && hers.includes("Long walks"));
  assert.deepEqual(await stored(), nothing);
  await page.reload();
  await page.getByRole("heading", { name: "Whose profile?" }).waitFor();
});

test("it can be used in a narrow window", async () => {
  await page.setViewportSize({ width: 380, height: 800 });
  await page.getByRole("button", { name: "Ada Lindqvist" }).click();
  await facet("Websites").waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0, "the page need not be scrolled sideways");
  await isAccessible("narrow", facet("Names"));
});

// Last, because it speaks of all that went before.
test("nothing was asked of another host, and the console is clean", () => {
  assert.deepEqual(requests.filter((url) => new URL(url).host !== new URL(address).host), []);
  assert.deepEqual(complaints, []);
});
