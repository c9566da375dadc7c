// What each operation made ProfileQL do: an exchange that asks for the trace of every operation that the cache lets pass.
import { makeOperation, mapExchange, type AnyVariables, type Exchange, type Operation } from "urql";

/** A request to a source; the README has all members. A body is any JSON. */
export interface SourceRequest {
  number: number;
  source: string;
  method: string;
  path: string;
  body?: unknown;
  status?: number;
  failure?: string;
  /** Whether ProfileQL itself held it back. */
  notSent?: boolean;
  /** Why it was sent, if the operation did not ask for it. */
  reason?: string;
  startMs: number;
  durationMs: number;
  /** The number of the batch that it was part of. */
  batch?: number;
  attempt?: number;
}

export interface Entry {
  number: number;
  key: number;
  operation: string;
  variables: AnyVariables;
  /** What came back; undefined while it is awaited. */
  requests?: SourceRequest[];
  /** The codes of its errors. */
  codes: string[];
}

/** The last operations, the newest first, for useSyncExternalStore. */
export class TraceLog {
  #entries: Entry[] = [];
  #count = 0;
  #listeners = new Set<() => void>();

  readonly entries = () => this.#entries;
  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  #change(entries: Entry[]): void {
    this.#entries = entries.slice(0, 30);
    queueMicrotask(() => this.#listeners.forEach((listener) => listener())); // urql may ask while React renders
  }

  exchange: Exchange = mapExchange({
    onOperation: (operation) => {
      if (operation.kind === "teardown") return operation;
      const { key, variables } = operation;
      this.#change([{ number: ++this.#count, key, operation: nameOf(operation), variables, codes: [] }, ...this.#entries]);
      return withHeader(operation);
    },
    onResult: ({ operation: { key }, error, extensions }) => {
      const requests = (extensions?.["trace"] as { requests?: SourceRequest[] } | undefined)?.requests ?? [];
      const codes = error?.graphQLErrors.map((one) => String(one.extensions["code"])) ?? [];
      if (error?.networkError) codes.push("no answer");
      const mine = this.#entries.findIndex((entry) => entry.key === key && !entry.requests);
      this.#change(this.#entries.map((entry, i) => (i === mine ? { ...entry, requests, codes } : entry)));
    },
  });
}

function nameOf({ query }: Operation): string {
  const definition = query.definitions.find(({ kind }) => kind === "OperationDefinition");
  return (definition && "name" in definition && definition.name?.value) || "";
}

function withHeader(operation: Operation): Operation {
  const { fetchOptions } = operation.context;
  const options = typeof fetchOptions === "function" ? fetchOptions() : fetchOptions;
  return makeOperation(operation.kind, operation, {
    ...operation.context,
    fetchOptions: { ...options, headers: { ...(options?.headers as Record<string, string>), "ProfileQL-Trace": "1" } },
  });
}
