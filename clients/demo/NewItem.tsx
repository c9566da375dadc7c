import { useId, useState } from "react";
import { useMutation } from "urql";
import { Editor } from "./Editor";
import { Explanation } from "./Explanation";
import type { Facet } from "./facets";
import { inputOf, operations } from "./operations";
import { valueOf } from "./values";

interface Props {
  facet: Facet;
  sources: string[];
  onClose: (what: string) => void;
}

/** A form for a new item of any facet. Only what is filled in is sent. */
export function NewItem({ facet, sources, onClose }: Props) {
  const id = useId();
  const [source, setSource] = useState(sources[0] ?? "");
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [created, create] = useMutation(operations.get(facet.name)!.create);
  const editable = facet.fields.flatMap(({ kind, ...field }) => (kind ? [{ ...field, kind }] : []));
  const save = async () => {
    const inputs = editable.flatMap(({ path, label, kind }) => {
      const text = texts[label] ?? "";
      return text !== "" ? [inputOf(path, valueOf(kind, text))] : [];
    });
    const { error } = await create({ input: { item: inputs.reduce(merge, {}), source } });
    if (!error) onClose(`The new item is in ${facet.title}.`);
  };
  return (
    <form
      className="new"
      aria-label={`New in ${facet.title}`}
      onKeyDown={(event) => event.key === "Escape" && onClose("")}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {editable.map(({ label, kind }, i) => (
        <p key={label}>
          <label htmlFor={`${id}${label}`}>{label}</label>
          <Editor
            id={`${id}${label}`}
            autoFocus={i === 0}
            kind={kind}
            value={texts[label] ?? ""}
            onChange={(text) => setTexts({ ...texts, [label]: text })}
          />
        </p>
      ))}
      <p>
        <label htmlFor={id}>Source</label>
        <select id={id} value={source} onChange={(event) => setSource(event.target.value)}>
          {sources.map((name) => <option key={name}>{name}</option>)}
        </select>
      </p>
      <Explanation error={created.error} what="Adding this" retry={() => void save()} />
      <p className="buttons">
        <button className="primary" disabled={created.fetching}>{created.fetching ? "Adding…" : "Add"}</button>
        <button type="button" onClick={() => onClose("")}>Cancel</button>
      </p>
    </form>
  );
}

/** Joins inputs of nested properties, such as `{detail: {city}}` and `{detail: {street}}`. */
function merge(one: object, other: object): object {
  const both = Object.entries(other).map(([name, value]): [string, unknown] => {
    const mine = (one as Record<string, unknown>)[name];
    const nested = typeof mine === "object" && mine !== null && !Array.isArray(mine);
    return [name, nested ? merge(mine, value as object) : value];
  });
  return { ...one, ...Object.fromEntries(both) };
}
