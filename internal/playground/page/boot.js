"use strict";

// Starts GraphiQL on the page. What it would keep in the browser's storage (documents, tabs, headers with tokens) is
// kept in memory, and gone with the page.

const options = JSON.parse(document.getElementById("options").textContent);

class MemoryStorage {
  #entries = new Map();
  get length() { return this.#entries.size; }
  getItem(key) { return this.#entries.get(key) ?? null; }
  setItem(key, value) { this.#entries.set(key, String(value)); }
  removeItem(key) { this.#entries.delete(key); }
  clear() { this.#entries.clear(); }
}

// The token of the field above the editors, without "Bearer". Nothing but this variable holds it.
let token = "";

const tokenField = React.createElement("input", {
  className: "token",
  "aria-label": "Bearer token",
  placeholder: "Bearer token (kept in memory only)",
  title: "Sent as the header Authorization, unless the headers below the operation have one of their own.",
  // A text field that is shown as dots: browsers offer to keep what is typed into password fields.
  type: "text",
  autoComplete: "off",
  spellCheck: false,
  onChange: (event) => { token = event.target.value.trim().replace(/^bearer\s+/i, ""); },
});

// What goes wrong before there is a GraphQL answer is shown in the place of one.
const failure = (message) => ({ errors: [{ message }] });

// Headers of the editor replace our own, however their names are written.
function requestHeaders(own) {
  const headers = new Headers({
    Accept: "application/graphql-response+json, application/json",
    "Content-Type": "application/json",
  });
  if (token) headers.set("Authorization", `Bearer ${token}`);
  for (const [name, value] of Object.entries(own ?? {})) headers.set(name, value);
  return headers;
}

async function fetcher(params, { headers } = {}) {
  let response;
  try {
    response = await fetch(options.endpoint, {
      method: "POST",
      headers: requestHeaders(headers),
      body: JSON.stringify(params),
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    return failure(`ProfileQL cannot be reached: ${error.message}`);
  }
  try {
    return await response.json();
  } catch {
    return failure(`ProfileQL answered ${response.status} ${response.statusText}, and not with GraphQL.`);
  }
}

ReactDOM.createRoot(document.getElementById("playground")).render(
  React.createElement(GraphiQL, {
    fetcher,
    storage: new MemoryStorage(),
    shouldPersistHeaders: false,
    isHeadersEditorEnabled: true,
    defaultEditorToolsVisibility: "variables",
    defaultTabs: options.tabs,
    // GraphiQL fills the active tab's editors from these, not from defaultTabs.
    query: options.tabs[0]?.query,
    variables: options.tabs[0]?.variables,
  }, React.createElement(GraphiQL.Logo, null, tokenField, "ProfileQL")),
);
