// Requests to ProfileQL, and the last answer.

export const options = JSON.parse(document.getElementById("options").textContent);

// The bearer token. Nothing but this variable holds it.
let token = "";

export function setToken(text) {
  token = text.trim().replace(/^bearer\s+/i, "");
}

/** The last answer to an operation, for React.useSyncExternalStore. */
export const lastAnswer = {
  value: null,
  listeners: new Set(),
  set(answer) {
    this.value = answer;
    for (const listener of this.listeners) listener();
  },
  subscribe: (listener) => {
    lastAnswer.listeners.add(listener);
    return () => lastAnswer.listeners.delete(listener);
  },
  get: () => lastAnswer.value,
};

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

function post(params, headers) {
  return fetch(options.endpoint, {
    method: "POST",
    headers,
    body: JSON.stringify(params),
    credentials: "omit",
    cache: "no-store",
  });
}

/** Sends an operation of the page itself. It returns its data, or null. */
export async function ask(query) {
  try {
    return (await (await post({ query }, requestHeaders())).json()).data ?? null;
  } catch {
    return null;
  }
}

/** GraphiQL's fetcher. The trace is not part of the answer that GraphiQL shows: the panel below shows it. */
export async function fetcher(params, { headers: own } = {}) {
  const headers = requestHeaders(own);
  if (params.operationName === "IntrospectionQuery") return (await send(params, headers)).answer;
  if (!headers.has("ProfileQL-Trace")) headers.set("ProfileQL-Trace", "1");
  const began = performance.now();
  const { answer, bytes, status } = await send(params, headers);
  const { trace, ...extensions } = answer.extensions ?? {};
  delete answer.extensions;
  if (Object.keys(extensions).length > 0) answer.extensions = extensions;
  lastAnswer.set({
    number: (lastAnswer.value?.number ?? 0) + 1,
    trace,
    bytes,
    status,
    duration: performance.now() - began,
    codes: [...new Set((answer.errors ?? []).map((error) => error.extensions?.code).filter(Boolean))],
    authorized: headers.has("Authorization"),
  });
  return answer;
}

async function send(params, headers) {
  let response;
  try {
    response = await post(params, headers);
  } catch (error) {
    return { answer: failure(`ProfileQL cannot be reached: ${error.message}`) };
  }
  const { status, statusText } = response;
  try {
    const body = await response.text();
    return { answer: JSON.parse(body), bytes: new TextEncoder().encode(body).length, status };
  } catch {
    return { answer: failure(`ProfileQL answered ${status} ${statusText}, and not with GraphQL.`), status };
  }
}
