import { useRef, useState } from "react";
import { useClient, useQuery, type CombinedError } from "urql";
import { Explanation, Missing } from "./Explanation";
import type { Facet } from "./facets";
import { ItemCard } from "./ItemCard";
import { NewItem } from "./NewItem";
import { firstPage, operations, type List } from "./operations";

interface Props {
  facet: Facet;
  /** The names of the sources that can be written to. */
  sources: string[];
  signIn: () => void;
}

/** The result of a page after the first. */
interface Page {
  after: string | null;
  error: CombinedError | undefined;
  failed: List["failedSources"];
}

/** One facet: its items page by page, and what is missing of them. */
export function FacetList({ facet, sources, signIn }: Props) {
  const { list: query } = operations.get(facet.name)!;
  const client = useClient();
  const [{ data, error, fetching }, readAgain] = useQuery({ query, variables: firstPage });
  const [last, setLast] = useState<Page>();
  const [loading, setLoading] = useState(false);
  const [adding, setAdding] = useState(false);
  const [said, say] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);
  const list = data?.me[facet.name];
  const done = (what: string) => {
    say(what);
    heading.current?.focus(); // what had the focus is gone
  };

  // Pages are asked for beside the list, and come to it through the cache: it stays as it is where one fails.
  const more = async (after: string | null) => {
    setLoading(true);
    const page = await client.query(query, { ...firstPage, after }, { requestPolicy: "network-only" }).toPromise();
    const failed = page.data?.me[facet.name]?.failedSources ?? [];
    setLast({ after, failed, error: page.error });
    setLoading(false);
    if (page.error) return;
    const isLast = !page.data?.me[facet.name]?.pageInfo.hasNextPage; // the button that has the focus goes
    (isLast ? done : say)("The next page is loaded.");
  };
  const failed = last?.error ? last.failed : (list?.failedSources ?? []);
  const failure = last?.error ?? error;
  const again = () => {
    heading.current?.focus();
    if (last?.error) void more(last.after);
    else readAgain({ requestPolicy: "network-only" });
  };
  return (
    <section aria-labelledby={facet.name} aria-busy={fetching || loading}>
      <div className="title">
        <h2 id={facet.name} ref={heading} tabIndex={-1}>{facet.title}</h2>
        <span role="status" className="said">{fetching && !list ? "Loading…" : said}</span>
        {!adding && sources.length > 0 && (
          <button aria-label={`Add to ${facet.title}`} onClick={() => setAdding(true)}>
            Add
          </button>
        )}
      </div>
      {adding && (
        <NewItem facet={facet} sources={sources} onClose={(what) => {
          setAdding(false);
          done(what);
        }} />
      )}
      <Missing from={failed} retry={again} />
      {failed.length === 0 && <Explanation error={failure} retry={again} reload={again} signIn={signIn} />}
      {list?.edges.length === 0 && failed.length === 0 && <p>There is nothing here.</p>}
      <ul className="items">
        {list?.edges.map(({ node }) => <ItemCard key={node.id} facet={facet} item={node} onSaved={say} onDeleted={done} />)}
      </ul>
      {list?.pageInfo.hasNextPage && failed.length === 0 && !failure && (
        <button disabled={loading} aria-label={`More ${facet.title}`} onClick={() => void more(list.pageInfo.endCursor ?? null)}>
          {loading ? "Loading…" : "More"}
        </button>
      )}
    </section>
  );
}
