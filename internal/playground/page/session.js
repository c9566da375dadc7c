// The bar above GraphiQL: the sources with their state, and who is signed in.

import { ask, lastAnswer, options, setToken } from "./request.js";

const h = React.createElement;

export function Bar() {
  return h("header", { className: "pq-header" }, h("h1", null, "ProfileQL"), h(Sources), h(Session));
}

// They are asked again after each answer: a source may have failed meanwhile.
function Sources() {
  const answer = React.useSyncExternalStore(lastAnswer.subscribe, lastAnswer.get);
  const [sources, setSources] = React.useState([]);
  React.useEffect(() => {
    let current = true;
    ask("query PlaygroundSources { profileSources { name writable state } }").then((data) => {
      if (current && data) setSources(data.profileSources);
    });
    return () => { current = false; };
  }, [answer]);
  return h("ul", { className: "pq-sources", "aria-label": "Sources" }, sources.map(({ name, writable, state }) =>
    h("li", { key: name, className: `pq-${state.toLowerCase()}` }, `${name}: ${state.toLowerCase()}${writable ? "" : ", read-only"}`)));
}

const OWN = "own";

// The people of a sandbox can be chosen. Their tokens are their names, and no secrets.
function Session() {
  const [chosen, choose] = React.useState(options.people.length > 0 ? "" : OWN);
  const change = (event) => {
    choose(event.target.value);
    setToken(event.target.value === OWN ? "" : event.target.value);
  };
  return h("div", { className: "pq-session" },
    options.people.length > 0 && h(React.Fragment, null,
      h("label", { htmlFor: "person" }, "Signed in as"),
      h("select", { id: "person", value: chosen, onChange: change },
        h("option", { value: "" }, "nobody (no token)"),
        options.people.map(({ name, token }) => h("option", { key: token, value: token }, name)),
        h("option", { value: OWN }, "holder of a bearer token"))),
    chosen === OWN && h("input", {
      className: "pq-token",
      "aria-label": "Bearer token",
      placeholder: "Bearer token (kept in memory only)",
      title: "Sent as the header Authorization, unless the headers below the operation have one of their own.",
      // A text field that is shown as dots: browsers offer to keep what is typed into password fields.
      type: "text",
      autoComplete: "off",
      spellCheck: false,
      onChange: (event) => setToken(event.target.value),
    }));
}
