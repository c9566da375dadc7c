// The panel below the answer: the requests to sources as a waterfall, and what is known about the answer.

import { curl } from "./curl.js";
import { lastAnswer } from "./request.js";

const h = React.createElement;

const milliseconds = (n) => (n < 10 ? `${n.toFixed(1)} ms` : n < 10_000 ? `${Math.round(n)} ms` : `${(n / 1000).toFixed(1)} s`);
const size = (n) => (n < 1000 ? `${n} B` : n < 1_000_000 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1_000_000).toFixed(1)} MB`);
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

const reasons = {
  FALLBACK: "The source does not support the request before it.",
  READ_BACK: "The write was answered without the item, so the item is read.",
  COUNT: "The length of the list, for totalCount.",
  ORDER_CHECK: "A test of whether the source orders the list as requested.",
};

export function Panel() {
  const answer = React.useSyncExternalStore(lastAnswer.subscribe, lastAnswer.get);
  return h("section", { className: "pq-panel", "aria-label": "Requests to sources" },
    answer ? [h(Summary, { key: "summary", answer }), h(Requests, { key: answer.number, answer })] : h(Hint));
}

function Hint() {
  return h("p", { className: "pq-hint" }, "Press ", h("kbd", null, /Mac/.test(navigator.platform) ? "⌘" : "Ctrl"), " ", h("kbd", null, "Enter"),
    ", or the button beside the operation, to run it. The answer appears here, and below it the requests to the sources.");
}

function Summary({ answer: { duration, bytes, status, codes, trace } }) {
  const facts = [milliseconds(duration)];
  if (bytes !== undefined) facts.push(size(bytes));
  if (status !== undefined && status !== 200) facts.push(`HTTP ${status}`);
  if (trace) {
    const sent = trace.requests.filter((r) => !r.batch && !r.notSent).length + (trace.omitted ?? 0);
    facts.push(`${plural(sent, "request")} to sources`);
  }
  return h("p", { className: "pq-summary", role: "status" }, facts.join(" · "),
    ...codes.map((code) => h("a", { key: code, className: "pq-code", href: `playground/errors.html#${code}`, target: "_blank", rel: "noopener" }, code)));
}

function Requests({ answer: { trace, authorized } }) {
  if (!trace || trace.requests.length === 0) return null;
  const end = Math.max(...trace.requests.map((r) => r.startMs + r.durationMs), 0.001);
  // The parts of a batch follow it.
  const requests = trace.requests.toSorted((a, b) => (a.batch ?? a.number) - (b.batch ?? b.number) || a.number - b.number);
  return h(React.Fragment, null,
    h("ol", { className: "pq-requests" }, requests.map((r) => h(Request, { key: r.number, request: r, end, authorized }))),
    trace.omitted && h("p", { className: "pq-note" }, `${plural(trace.omitted, "request")} more.`));
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // one that is cut within a character
  }
}

const outcome = (r) => (r.notSent ? "not sent" : r.status ? String(r.status) : (r.failure ?? "…"));
const failed = (r) => !r.status || r.status >= 400 || r.failure !== undefined;

function Request({ request: r, end, authorized }) {
  const bar = { left: `${(100 * r.startMs) / end}%`, width: `${(100 * r.durationMs) / end}%` };
  return h("li", { className: r.batch ? "pq-part" : undefined },
    h("details", { open: r.body !== undefined && r.path !== "/$batch" },
      h("summary", null,
        h("span", { className: "pq-method" }, r.method),
        h("span", { className: "pq-path", title: r.path }, decoded(r.path)),
        h("span", { className: failed(r) ? "pq-status pq-failed" : "pq-status" }, outcome(r)),
        h("span", { className: "pq-time" }, milliseconds(r.durationMs)),
        h("span", { className: "pq-track", "aria-hidden": true }, h("span", { className: "pq-bar", style: bar }))),
      h(Details, { request: r, authorized })));
}

function Details({ request: r, authorized }) {
  const facts = [
    ["Source", r.source],
    ["Path", r.path],
    ["Why", r.reason && reasons[r.reason]],
    ["Attempt", r.attempt > 1 && String(r.attempt)],
    ["Batch", r.batch && `part of request ${r.batch}`],
    ["Failure", r.failure],
    ["Retry after", r.retryAfter !== undefined && `${r.retryAfter} s`],
    ["Response", r.status && size(r.responseBytes)],
    ["Start", milliseconds(r.startMs)],
    ["Request id", r.requestId],
    ["Client request id", r.clientRequestId],
    ["Learned", r.learned?.join(", ")],
    ["Cut", r.truncated && "The body or the path is too long to be shown."],
  ].filter(([, value]) => value);
  return h("div", { className: "pq-details" },
    r.body !== undefined && h("pre", { className: "pq-body", tabIndex: 0, "aria-label": "Body" }, JSON.stringify(r.body, null, 2)),
    !r.truncated && h(CopyButton, { label: "Copy as curl", text: () => curl(r, authorized) }),
    h("dl", null, facts.map(([name, value]) => h(React.Fragment, { key: name }, h("dt", null, name), h("dd", null, value)))));
}

/** A button that copies a text, and says so. */
export function CopyButton({ label, text }) {
  const [copied, setCopied] = React.useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text());
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return h("button", { type: "button", className: "pq-button", onClick: copy }, h("span", { "aria-live": "polite" }, copied ? "Copied" : label));
}
