import type { Entry, SourceRequest } from "./tracing";

/** The last operations, and the requests to sources that each of them became. */
export function Trace({ entries }: { entries: Entry[] }) {
  return (
    <aside aria-labelledby="trace" className="trace">
      <h2 id="trace">Requests</h2>
      {entries.length === 0 && <p>Each operation is shown here, with the requests to sources that it became.</p>}
      <ol reversed>
        {entries.map((entry, i) => (
          <li key={entry.number}>
            <Operation entry={entry} open={i === 0} />
          </li>
        ))}
      </ol>
    </aside>
  );
}

const milliseconds = (ms: number) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

function Operation({ entry: { operation, variables, requests, codes }, open }: { entry: Entry; open: boolean }) {
  const end = Math.max(0, ...(requests ?? []).map(({ startMs, durationMs }) => startMs + durationMs));
  const alone = requests?.filter(({ batch }) => batch === undefined) ?? [];
  const parts = (number: number) => requests?.filter(({ batch }) => batch === number) ?? [];
  return (
    <details open={open}>
      <summary>
        <strong>{operation}</strong>{" "}
        {requests ? `${alone.length} ${alone.length === 1 ? "request" : "requests"}, ${milliseconds(end)}` : "waiting…"}{" "}
        {codes.length > 0 && <code>{[...new Set(codes)].join(" ")}</code>}
      </summary>
      <details className="variables">
        <summary>Variables</summary>
        <pre tabIndex={0}>{JSON.stringify(variables, null, 2)}</pre>
      </details>
      <ul>
        {alone.map((request) => (
          <li key={request.number}>
            <Request request={request} end={end} parts={parts(request.number)} />
          </li>
        ))}
      </ul>
    </details>
  );
}

function Request({ request, end, parts = [] }: { request: SourceRequest; end: number; parts?: SourceRequest[] }) {
  const { source, method, path, body, status, failure, notSent, reason, startMs, durationMs, attempt = 1 } = request;
  const [resource, query] = decoded(path).split("?");
  const failed = failure !== undefined || (status ?? 0) >= 400;
  return (
    <>
      <div className="request">
        <code className="line">
          <b>{method} {resource}</b>
          {query !== undefined && ` ?${query}`}
        </code>
        <span className={failed ? "bad" : "good"}>{notSent ? "not sent" : (status ?? failure)}</span>
        <span>
          {source}, {milliseconds(durationMs)}
          {attempt > 1 && `, attempt ${attempt}`}
          {reason && `, ${reason.toLowerCase().replace("_", " ")}`}
        </span>
        {/* When it was sent and answered, in the time of the operation. */}
        <svg className="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
          <rect x={(100 * startMs) / (end || 1)} width={Math.max(1, (100 * durationMs) / (end || 1))} height="1" />
        </svg>
      </div>
      {body !== undefined && parts.length === 0 && <pre tabIndex={0}>{JSON.stringify(body, null, 2)}</pre>}
      {parts.length > 0 && (
        <details>
          <summary>{parts.length} requests in this batch</summary>
          <ul>
            {parts.map((part) => (
              <li key={part.number}>
                <Request request={part} end={end} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** A path is easier to read without escapes, which only some servers need. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
