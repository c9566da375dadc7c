// What a web page of another origin can do to a running ProfileQL from a real Chromium: nothing. PROFILEQL_URL is the
// address of the page of one with its sandbox, PROFILEQL_CORS_URL that of another, which is started with
// --cors-origin $CORS_ORIGIN,http://*.preview.example.com:PORT, an address of this machine and its port. CHROMIUM is the browser, /usr/bin/chromium without it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { chromiumOptions } from "./browser.js";

const { PROFILEQL_URL: address, PROFILEQL_CORS_URL: open, CORS_ORIGIN: friend } = process.env;
assert.ok(address && open && friend, "PROFILEQL_URL, PROFILEQL_CORS_URL and CORS_ORIGIN must be set");

const endpoint = new URL("graphql", address).href;
const openEndpoint = new URL("graphql", open).href;
const rebound = Object.assign(new URL(address), { hostname: "rebind.example" }).href;
const interest = "5f1d8c8e-6a0b-4c57-9d2f-1b7c3a90e4d1"; // of the person whom the sandbox takes for me
const json = { "content-type": "application/json" };
const servers = [];
let browser, page, stranger;

before(async () => {
  // The rule stands for a name server that answers a page's name with this machine's address (DNS rebinding).
  browser = await chromium.launch({
    ...chromiumOptions,
    args: [...chromiumOptions.args, "--host-resolver-rules=MAP rebind.example 127.0.0.1, MAP *.preview.example.com 127.0.0.1"],
  });
  page = await browser.newPage();
  const blank = (_, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>a page</title>");
  stranger = await serve(blank, 0);
  await serve(blank, new URL(friend).port);
});

after(async () => {
  await browser?.close();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(listener, port) {
  const server = http.createServer(listener).listen(port, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return server.address().port;
}

// ask is a request of no browser.
async function ask(url, query, headers) {
  const response = await fetch(url, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify({ query }) });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

async function description(url) {
  const { me } = await ask(url, "query { me { interests(first: 100) { nodes { itemId description } } } }");
  return me.interests.nodes.find(({ itemId }) => itemId === interest).description;
}

const describe = (text) => `mutation { updatePersonInterest(input: {id: ${JSON.stringify(interest)}, patch: {description: ${
  JSON.stringify(text)}}}) { personInterest { description } } }`;

// The ways that a page has to send a query: each runs in the page, and returns what the page can read of the answer.
const ways = {
  "fetch of JSON": ({ url, query, json }) =>
    fetch(url, { method: "POST", credentials: "include", headers: json, body: JSON.stringify({ query }) })
      .then((r) => r.text()),
  "fetch of JSON, without cookies": ({ url, query, json }) =>
    fetch(url, { method: "POST", credentials: "omit", headers: json, body: JSON.stringify({ query }) })
      .then((r) => r.text()),
  "fetch of text": ({ url, query }) =>
    fetch(url, { method: "POST", credentials: "include", body: JSON.stringify({ query }) }).then((r) => r.text()),
  "fetch of text, without CORS": ({ url, query }) =>
    fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body: JSON.stringify({ query }) })
      .then((r) => r.text()),
  "fetch of a form": ({ url, query }) =>
    fetch(url, { method: "POST", credentials: "include", body: new URLSearchParams({ query }) }).then((r) => r.text()),
  "fetch with GET": ({ url, query }) =>
    fetch(`${url}?${new URLSearchParams({ query })}`, { credentials: "include" }).then((r) => r.text()),
  "beacon of text": ({ url, query }) => {
    const body = new Blob([JSON.stringify({ query })], { type: "text/plain" });
    if (!navigator.sendBeacon(url, body)) return "was not sent";
  },
  "beacon of JSON": ({ url, query, json }) => {
    const body = new Blob([JSON.stringify({ query })], { type: json["content-type"] });
    if (!navigator.sendBeacon(url, body)) return "was not sent";
  },
  "form of text": async ({ url, query }) => {
    const frame = document.body.appendChild(Object.assign(document.createElement("iframe"), { name: "answer" }));
    const loaded = new Promise((done) => frame.addEventListener("load", done));
    const form = document.body.appendChild(document.createElement("form"));
    Object.assign(form, { action: url, method: "post", enctype: "text/plain", target: "answer" });
    // The body of the request is name=value: the equals sign goes into a member of the JSON that nobody reads.
    const input = form.appendChild(document.createElement("input"));
    Object.assign(input, { name: `${JSON.stringify({ query }).slice(0, -1)},"x":"`, value: '"}' });
    form.submit();
    await loaded;
    return frame.contentDocument?.body.innerText; // there is no document for a page of another origin
  },
};

// send goes one way from the page, and tells what the page reads, and which status came: undefined where the browser does
// not tell, for the server did not permit the request (preflight), or the page to have the answer.
async function send(way, url, query) {
  const listeners = {};
  const settled = new Promise((done) => {
    let ours; // not one that an earlier way began, and that ends only now
    listeners.request = (request) => {
      if (request.url().split("?")[0] === url && request.method() !== "OPTIONS") ours = request;
    };
    listeners.response = (response) => response.request() === ours && done(response.status());
    listeners.requestfailed = (request) => request === ours && done();
  });
  for (const [event, listener] of Object.entries(listeners)) page.on(event, listener);
  const read = await page.evaluate(ways[way], { url, query, json }).catch((error) => {
    assert.match(error.message, /Failed to fetch/); // which is all that a page learns
  });
  const status = await settled;
  for (const [event, listener] of Object.entries(listeners)) page.off(event, listener);
  return { read: read ?? "", status };
}

// isKeptOut holds that no way from the page leads anywhere; direct is where the truth is asked for.
async function isKeptOut(origin, url, direct, refusal) {
  await page.goto(origin);
  const was = await description(direct);
  for (const way of Object.keys(ways)) {
    const { read, status } = await send(way, url, describe(`changed with ${way} (${randomUUID()})`));
    assert.equal(read, "", `${way}: the page reads the answer`);
    assert.equal(await description(direct), was, `${way}: the item has changed`);
    if (way === "form of text") assert.equal(status, refusal, way); // the one that a browser always tells
  }
}

const origins = {
  "another port": () => `http://127.0.0.1:${stranger}`,
  "another name of this machine": () => `http://localhost:${stranger}`,
};

for (const [what, origin] of Object.entries(origins)) {
  test(`a page at ${what} changes nothing and reads nothing`, () => isKeptOut(origin(), endpoint, endpoint, 403));

  test(`a page at ${what} is kept out where other origins are let in`, () =>
    isKeptOut(origin(), openEndpoint, openEndpoint, 403));
}

test("a page whose name was pointed here is not the playground, and its own requests are refused", async () => {
  // Without regard to the policy of the page, which would keep fetch from asking.
  const context = await browser.newContext({ bypassCSP: true });
  const page = await context.newPage();
  const response = await page.goto(rebound);
  assert.equal(response.status(), 421);
  assert.equal(await page.locator(".graphiql-container, script").count(), 0);
  const was = await description(endpoint);
  const status = await page.evaluate(async ({ query, json }) => {
    const { status } = await fetch("/graphql", { method: "POST", headers: json, body: JSON.stringify({ query }) });
    return status;
  }, { query: describe(`changed by rebinding (${randomUUID()})`), json });
  assert.equal(status, 421);
  assert.equal(await description(endpoint), was);
  await context.close();
});

test("a page under such a name and another port changes nothing and reads nothing", () =>
  isKeptOut(`http://rebind.example:${stranger}`, new URL("graphql", rebound).href, endpoint, 421));

test("a page of a listed origin asks with a token and an id, and reads the answer", async () => {
  await page.goto(friend);
  const query = "{ me { interests(first: 3) { totalCount nodes { itemId } } } }";
  const headers = { "authorization": "Bearer yuki@example.com", "client-request-id": randomUUID() };
  const { status, answer } = await page.evaluate(async ({ url, query, headers }) => {
    const r = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query }) });
    return { status: r.status, answer: await r.json() };
  }, { url: openEndpoint, query, headers: { ...json, ...headers } });
  assert.equal(status, 200);
  assert.deepEqual(answer, { data: await ask(openEndpoint, query, headers) });
  assert.equal(answer.data.me.interests.nodes.length, 3);
});

// What monitoring and tracing in the browser add to every request, and what clients do.
const traced = {
  "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage": "sentry-release=1", "sentry-trace": "x",
  "x-datadog-trace-id": "1", "x-apollo-operation-name": "Mine", "apollographql-client-name": "web", "apollo-require-preflight": "true",
};

for (const name of ["pr-1.preview.example.com", "localhost.preview.example.com"]) {
  test(`a page at ${name}, below a listed name, asks by POST and by GET, with the headers of tracing`, async () => {
    await page.goto(Object.assign(new URL(friend), { hostname: name }).href);
    const query = "{ me { interests(first: 3) { nodes { itemId } } } }";
    const answers = await page.evaluate(async ({ url, query, headers, json }) => {
      const answer = async (r) => ({ status: r.status, id: r.headers.get("request-id"), data: (await r.json()).data });
      return [
        await answer(await fetch(url, { method: "POST", headers: { ...headers, ...json }, body: JSON.stringify({ query }) })),
        await answer(await fetch(`${url}?${new URLSearchParams({ query })}`, { headers })),
      ];
    }, { url: openEndpoint, query, headers: traced, json });
    for (const { status, id, data } of answers) {
      assert.equal(status, 200);
      assert.match(id, /^[A-Z2-7]{20,}$/);
      assert.equal(data.me.interests.nodes.length, 3);
    }
  });
}

test("a page below a listed name by two labels is kept out", () =>
  isKeptOut(Object.assign(new URL(friend), { hostname: "a.b.preview.example.com" }).href, openEndpoint, openEndpoint, 403));

test("a query by GET of a page that is not listed is refused, whatever way it goes", async () => {
  await page.goto(`http://127.0.0.1:${stranger}`);
  const url = `${endpoint}?${new URLSearchParams({ query: "{ me { interests { nodes { itemId } } } }" })}`;
  const seen = await page.evaluate(async (url) => {
    const read = (request) => request.then((r) => r.text()).catch(() => "");
    const texts = [await read(fetch(url)), await read(fetch(url, { mode: "no-cors" }))];
    const loaded = (element) => new Promise((done) => {
      element.onload = element.onerror = done;
      document.body.append(Object.assign(element, { src: url }));
    });
    await loaded(document.createElement("img"));
    await loaded(document.createElement("script"));
    return texts;
  }, url);
  assert.deepEqual(seen, ["", ""]);
  const leaving = await browser.newPage(); // by a link
  await leaving.goto(`http://127.0.0.1:${stranger}`);
  const [response] = await Promise.all([
    leaving.waitForResponse((r) => r.url() === url),
    leaving.evaluate((url) => void (location.href = url), url),
  ]);
  assert.equal(response.status(), 403);
  await leaving.close();
});

test("the listed origin is let in nowhere else", () => isKeptOut(friend, endpoint, endpoint, 403));

// What the tests above hold would hold as well for requests that are never sent, or that say nothing.
test("every way leads in where a proxy forgets which page asks, and takes anything for JSON", async () => {
  const was = await description(endpoint);
  const port = await serve(async (request, response) => {
    response.setHeader("access-control-allow-origin", request.headers.origin ?? "*");
    response.setHeader("access-control-allow-credentials", "true");
    response.setHeader("access-control-allow-headers", "content-type");
    if (request.method === "OPTIONS") return response.end();
    let body = await text(request);
    const form = /urlencoded/.test(request.headers["content-type"]) ? body : new URL(request.url, address).search;
    if (form) body = JSON.stringify(Object.fromEntries(new URLSearchParams(form)));
    const answer = await fetch(endpoint, { method: "POST", headers: json, body });
    response.writeHead(answer.status, json).end(await answer.text());
  }, 0);
  for (const host of ["127.0.0.1", "localhost", "rebind.example"]) {
    await page.goto(`http://${host}:${stranger}`);
    for (const way of Object.keys(ways)) {
      const changed = `changed with ${way} from ${host} (${randomUUID()})`;
      const proxy = host === "rebind.example" ? host : "127.0.0.1";
      const { read, status } = await send(way, `http://${proxy}:${port}/graphql`, describe(changed));
      assert.equal(status, 200, changed);
      assert.equal(await description(endpoint), changed);
      // All that CORS is for can be read then; the rest never can.
      assert.equal(read.includes(changed), /^fetch/.test(way) && !/without CORS/.test(way), changed);
    }
  }
  await ask(endpoint, describe(was));
});
