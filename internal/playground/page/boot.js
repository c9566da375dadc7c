// Starts GraphiQL on the page. What it would keep in the browser's storage (documents, tabs, headers with tokens) is
// kept in memory, and gone with the page.

import { linkTo, tabs } from "./link.js";
import { fetcher } from "./request.js";
import { Bar } from "./session.js";
import { Panel } from "./trace.js";

const h = React.createElement;

class MemoryStorage {
  // The editors are as wide as the lines of the first tab, and its variables are shown whole.
  #entries = new Map([["graphiql:editorFlex", "1.25"], ["graphiql:secondaryEditorFlex", "1.4"]]);
  get length() { return this.#entries.size; }
  getItem(key) { return this.#entries.get(key) ?? null; }
  setItem(key, value) { this.#entries.set(key, String(value)); }
  removeItem(key) { this.#entries.delete(key); }
  clear() { this.#entries.clear(); }
}

// Within GraphiQL: the button that copies a link, and the shortcut that works outside of the editors too.
function Tools({ prettify, merge, copy }) {
  const { run } = GraphiQL.React.useExecutionContext({ nonNull: true });
  const { queryEditor, variableEditor, tabs: open, activeTabIndex } = GraphiQL.React.useEditorContext({ nonNull: true });
  React.useEffect(() => {
    const runOnEnter = (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
      event.preventDefault();
      run();
    };
    document.addEventListener("keydown", runOnEnter);
    return () => document.removeEventListener("keydown", runOnEnter);
  }, [run]);
  const copyLink = () => navigator.clipboard.writeText(linkTo({
    query: queryEditor.getValue(), variables: variableEditor.getValue(), tab: open[activeTabIndex].title,
  }));
  return h(React.Fragment, null, prettify, merge, copy,
    h(GraphiQL.React.ToolbarButton, { label: "Copy a link to this operation", onClick: copyLink }, h(LinkIcon)));
}

function LinkIcon() {
  return h("svg", { className: "graphiql-toolbar-icon", viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", strokeWidth: 2, "aria-hidden": true },
    h("path", { d: "M10 14a5 5 0 0 0 7 0l3-3a5 5 0 0 0-7-7l-1.5 1.5M14 10a5 5 0 0 0-7 0l-3 3a5 5 0 0 0 7 7l1.5-1.5" }));
}

const opened = tabs();

ReactDOM.createRoot(document.getElementById("playground")).render(h(React.Fragment, null,
  h(Bar),
  h("main", null, h(GraphiQL, {
    fetcher,
    storage: new MemoryStorage(),
    shouldPersistHeaders: false,
    isHeadersEditorEnabled: true,
    defaultEditorToolsVisibility: "variables",
    plugins: [GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false })],
    defaultTabs: opened,
    // GraphiQL fills the active tab's editors from these, not from defaultTabs.
    query: opened[0]?.query,
    variables: opened[0]?.variables,
  },
  h(GraphiQL.Logo, null, h(React.Fragment)),
  h(GraphiQL.Toolbar, null, (tools) => h(Tools, tools)),
  h(GraphiQL.Footer, null, h(Panel))))));
