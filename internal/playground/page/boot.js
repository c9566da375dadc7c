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

// What goes wrong before there is a GraphQL answer is shown in the place of one.
const failure = (message) => ({ errors: [{ message }] });

async function fetcher(params, { headers } = {}) {
  let response;
  try {
    response = await fetch(options.endpoint, {
      method: "POST",
      headers: {
        Accept: "application/graphql-response+json, application/json",
        "Content-Type": "application/json",
        ...headers,
      },
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
  }),
);
