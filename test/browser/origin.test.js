// What web pages of other origins can do to ProfileQL, in a real Chromium: PROFILEQL_URL is the address of a ProfileQL
// with its sandbox, PROFILEQL_CORS_URL that of another one, started with --cors-origin $CORS_ORIGIN. CHROMIUM is the
// browser, /usr/bin/chromium without it.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const { PROFILEQL_URL: address, PROFILEQL_CORS_URL: shared, CORS_ORIGIN: friend } = process.env;
assert.ok(address && shared && friend, "PROFILEQL_URL, PROFILEQL_CORS_URL and CORS_ORIGIN must be set");

const endpoint = new URL("graphql", address).href;
const port = new URL(address).port;
const item = "5f1d8c8e-6a0b-4c57-9d2f-1b7c3a90e4d1"; // an interest of the sandbox's first person
const servers = [];
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP rebind.example 127.0.0.1"],
  });
});

after(async () => {
  await browser?.close();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

// pageOf opens an empty page that is served under a host and a port of this machine; any port if it is 0.
async function pageOf(host, at = 0) {
  const server = http.createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<body></body>"));
  await new Promise((listening) => server.listen(at, "127.0.0.1", listening));
  servers.push(server);
  const page = await browser.newPage();
  await page.goto(`http://${host}:${server.address().port}/`);
  return page;
}

const update = (description) => JSON.stringify({
  query: "mutation($input: UpdatePersonInterestInput!) { updatePersonInterest(input: $input) { personInterest { description } } }",
  variables: { input: { id: item, patch: { description } } },
});

async function description(at = endpoint) {
  const query = "{ me { interests(first: 100) { nodes { itemId description } } } }";
  const response = await fetch(at, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ query }),
  });
  const { data } = await response.json();
  return data.me.interests.nodes.find(({ itemId }) => itemId === item).description;
}

// Each way that a page has to send something; it tells what the page could read of the answer.
const attempts = {
  "fetch with JSON": ([url, body]) =>
    fetch(url, { method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body }).then((r) => r.text()),
  "fetch with text": ([url, body]) =>
    fetch(url, { method: "POST", credentials: "include", headers: { "Content-Type": "text/plain" }, body }).then((r) => r.text()),
  "fetch without CORS": ([url, body]) => fetch(url, { method: "POST", mode: "no-cors", body }).then((r) => r.text()),
  "fetch of a form": ([url, body]) =>
    fetch(url, { method: "POST", body: new URLSearchParams(JSON.parse(body)) }).then((r) => r.text()),
  "GET": ([url, body]) => fetch(`${url}?${new URLSearchParams(JSON.parse(body))}`).then((r) => r.text()),
  "sendBeacon": ([url, body]) => String(navigator.sendBeacon(url, new Blob([body], { type: "text/plain" }))).replace(/true|false/, ""),
  "a form of text": ([url, body]) => new Promise((sent) => {
    const frame = document.body.appendChild(document.createElement("iframe"));
    frame.name = "answer";
    const form = document.body.appendChild(document.createElement("form"));
    Object.assign(form, { action: url, method: "post", enctype: "text/plain", target: "answer" });
    const input = form.appendChild(document.createElement("input"));
    // Together, name and value are JSON, with an equals sign in a member that nobody knows.
    Object.assign(input, { name: `${body.slice(0, -1)}, "x": "`, value: '"}' });
    const read = () => {
      try {
        return frame.contentDocument.body.innerText;
      } catch {
        return ""; // it is not this page's to read
      }
    };
    form.submit();
    setTimeout(() => sent(read()), 1000); // a frame that is refused tells nobody
  }),
};

async function holdsOut(page, url, at) {
  const before = await description(at);
  for (const [name, attempt] of Object.entries(attempts)) {
    const read = await page.evaluate(attempt, [url, update(`changed by ${name}`)]).catch(() => "");
    assert.equal(read, "", `${name} reads an answer`);
  }
  await new Promise((passed) => setTimeout(passed, 300)); // a beacon is sent at its leisure
  assert.equal(await description(at), before);
}

for (const host of ["127.0.0.1", "localhost"]) {
  test(`a page of another origin at ${host} changes nothing and reads nothing`, async () => {
    await holdsOut(await pageOf(host), endpoint);
  });
}

test("a page whose name has been pointed here is not answered", async () => {
  const page = await browser.newPage();
  const response = await page.goto(`http://rebind.example:${port}/`);
  assert.equal(response.status(), 421);
  const before = await description();
  // The page's policy lets it connect to nothing; without one, the answer would be a refusal, too.
  await assert.rejects(page.evaluate((body) =>
    fetch("/graphql", { method: "POST", headers: { "Content-Type": "application/json" }, body }), update("rebound")));
  assert.equal(await statusFor(`rebind.example:${port}`, update("rebound")), 421);
  assert.equal(await description(), before);
});

// statusFor sends a request under another name.
function statusFor(host, body) {
  return new Promise((answered, failed) => {
    const headers = { Host: host, "Content-Type": "application/json" };
    const request = http.request(endpoint, { method: "POST", headers }, (response) => {
      response.resume(); // or its connection stays
      answered(response.statusCode);
    });
    request.on("error", failed).end(body);
  });
}

test("nor is another port under such a name", async () => {
  await holdsOut(await pageOf("rebind.example"), `http://rebind.example:${port}/graphql`);
});

test("a page of a listed origin asks, with a token, and reads the answer", async () => {
  const page = await pageOf("127.0.0.1", new URL(friend).port);
  const text = await page.evaluate(async (url) => {
    const headers = { "Content-Type": "application/json", "Authorization": "Bearer yuki@example.com", "client-request-id": crypto.randomUUID() };
    const r = await fetch(url, { method: "POST", headers, body: '{"query": "{ me { interests(first: 1) { totalCount } } }"}' });
    return r.text();
  }, new URL("graphql", shared).href);
  assert.equal(text, '{"data":{"me":{"interests":{"totalCount":12}}}}');
});

test("where origins are listed, others are still kept out", async () => {
  const url = new URL("graphql", shared).href;
  await holdsOut(await pageOf("localhost"), url, url);
});
