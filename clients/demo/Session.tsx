import { createClient } from "../urql/client";
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { Provider, type OperationResult } from "urql";
import { Explanation } from "./Explanation";
import { FacetList } from "./FacetList";
import { facets } from "./facets";
import { focus } from "./focus";
import { schema } from "./gen/schema";
import { firstPage, WholeProfile, type Page, type Whole } from "./operations";
import type { Person } from "./SignIn";
import { Trace } from "./Trace";
import { TraceLog } from "./tracing";

function begin({ token }: Person) {
  const log = new TraceLog();
  return { log, client: createClient({ url: new URL("graphql", location.href).href, schema, token, exchanges: [log.exchange] }) };
}

/** What a person sees: their profile, and beside it what ProfileQL asked its sources for. */
export function Session({ person, onSignOut }: { person: Person; onSignOut: () => void }) {
  const [{ client, log }] = useState(() => begin(person));
  const entries = useSyncExternalStore(log.subscribe, log.entries);
  const [loaded, setLoaded] = useState<OperationResult<Whole, Page>>();
  // One operation for all lists. Each list then takes its part from the cache.
  const load = useCallback(async () => {
    setLoaded(undefined);
    setLoaded(await client.query(WholeProfile, firstPage, { requestPolicy: "network-only" }).toPromise());
  }, [client]);
  useEffect(() => void load(), [load]);
  const sources = loaded?.data?.profileSources.filter(({ writable }) => writable).map(({ name }) => name) ?? [];
  return (
    <Provider value={client}>
      <header>
        <h1 ref={focus} tabIndex={-1}>{person.name}</h1>
        <button onClick={onSignOut}>Sign out</button>
      </header>
      <div className="columns">
        <main aria-busy={!loaded}>
          {!loaded && <p role="status">Reading the profile…</p>}
          {loaded && !loaded.data && <Explanation error={loaded.error} retry={() => void load()} signIn={onSignOut} />}
          {loaded?.data && (
            <>
              <nav aria-label="Facets">
                <ul>{facets.map(({ name, title }) => <li key={name}><a href={`#${name}`}>{title}</a></li>)}</ul>
              </nav>
              <p className="hint">Press a value to change it. Enter (in several lines, Ctrl+Enter) saves it, Escape leaves it as it was.</p>
              {facets.map((facet) => <FacetList key={facet.name} facet={facet} sources={sources} signIn={onSignOut} />)}
            </>
          )}
        </main>
        <Trace entries={entries} />
      </div>
    </Provider>
  );
}
