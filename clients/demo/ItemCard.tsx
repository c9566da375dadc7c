import { problemOf } from "../urql/problem";
import { useRef, useState } from "react";
import { useClient, useMutation } from "urql";
import { Explanation } from "./Explanation";
import type { Facet, Field } from "./facets";
import { Delete, inputOf, operations, valueAt, type Item } from "./operations";
import { Property } from "./Property";
import { shown } from "./values";

interface Props {
  facet: Facet;
  item: Item;
  onSaved: (what: string) => void;
  onDeleted: (what: string) => void;
}

/** An item of any facet. A change is shown at once, and taken back if it fails: the cache does both. */
export function ItemCard({ facet, item, onSaved, onDeleted }: Props) {
  const { update: Update, one } = operations.get(facet.name)!;
  const client = useClient();
  const [updated, update] = useMutation(Update);
  const [deleted, remove] = useMutation(Delete);
  const [changed, setChanged] = useState<{ field: Field; value: unknown }>();
  const [title, ...others] = facet.fields as [Field, ...Field[]];
  const name = shown(valueAt(item, title.path), title.kind) || "(without a name)";
  const card = useRef<HTMLLIElement>(null);
  const focus = () => card.current?.focus(); // for buttons that go when they are pressed
  const readAgain = () => client.query(one, { id: item.id }, { requestPolicy: "network-only" }).toPromise();

  const save = async (field: Field, value: unknown) => {
    setChanged({ field, value });
    onSaved("Saving…");
    const { error } = await update({ input: { id: item.id, patch: inputOf(field.path, value) } });
    onSaved(error ? "" : `${field.label} is saved.`);
    // Where it may have been done, what is shown has to come from the source before anybody tries again.
    if (error && problemOf(error).action === "look first") await readAgain();
  };
  const erase = async () => {
    focus();
    const { error } = await remove({ input: { id: item.id } });
    if (!error) onDeleted(`${name} is deleted.`);
  };
  const property = (field: Field) => (
    <Property
      field={field}
      of={name}
      value={valueAt(item, field.path)}
      save={item.profileSource.writable ? (value) => void save(field, value) : undefined}
    />
  );
  return (
    <li className="item" ref={card} tabIndex={-1} aria-busy={updated.fetching || deleted.fetching}>
      <dl>
        <div className="name">
          <dt className="hidden">{title.label}</dt>
          {property(title)}
        </div>
        {others.map((field) => (
          <div key={field.label}>
            <dt>{field.label}</dt>
            {property(field)}
          </div>
        ))}
      </dl>
      {!updated.fetching && changed && (
        <Explanation
          error={updated.error}
          what={`Changing ${changed.field.label} to ${changed.value === null ? "nothing" : `“${shown(changed.value, changed.field.kind)}”`}`}
          retry={() => {
            focus();
            void save(changed.field, changed.value);
          }}
          reload={() => void readAgain()}
        />
      )}
      <Explanation error={deleted.error} what={`Deleting ${name}`} retry={() => void erase()} reload={() => void readAgain()} />
      <footer>
        <span className="source">{item.profileSource.name}</span>
        {item.profileSource.writable && <Erase name={name} busy={deleted.fetching} erase={() => void erase()} keep={focus} />}
      </footer>
    </li>
  );
}

/** A button that asks before it does what cannot be undone. */
function Erase({ name, busy, erase, keep }: { name: string; busy: boolean; erase: () => void; keep: () => void }) {
  const [asking, setAsking] = useState(false);
  if (busy) return <span>Deleting…</span>;
  if (!asking) {
    return (
      <button className="quiet" aria-label={`Delete ${name}`} onClick={() => setAsking(true)}>
        Delete
      </button>
    );
  }
  return (
    <span role="group" aria-label={`Delete ${name}?`}>
      <button
        className="danger"
        autoFocus
        onClick={() => {
          setAsking(false);
          erase();
        }}
      >
        Delete it
      </button>
      <button
        onClick={() => {
          setAsking(false);
          keep();
        }}
      >
        Keep it
      </button>
    </span>
  );
}
