// Links that hold an operation: its document, its variables and the name of its tab, in the fragment, which is not sent to
// the server. Headers and tokens are never part of a link.

import { options } from "./request.js";

/** The address of the page with an operation. */
export function linkTo({ query, variables, tab }) {
  const link = new URL(location.href);
  link.hash = new URLSearchParams({ query, variables, tab }).toString();
  return link.href;
}

const nameOf = (document) => document.match(/^(?:query|mutation)\s+(\w+)/m)?.[1];

/** The tabs that the page opens with. That of a link comes first, and replaces the one with its name. */
export function tabs() {
  const link = new URLSearchParams(location.hash.slice(1));
  const query = link.get("query");
  if (!query) return options.tabs;
  const others = options.tabs.filter((tab) => nameOf(tab.query) !== link.get("tab"));
  return [{ query, variables: link.get("variables") ?? "" }, ...others];
}

// Another link that is opened in the same page changes only the fragment.
addEventListener("hashchange", () => location.reload());
