import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Editor } from "./Editor";
import type { Field } from "./facets";
import type { Kind } from "./kinds";
import { shown, textOf, valueOf } from "./values";

interface Props {
  field: Field;
  /** The name of the item. */
  of: string;
  value: unknown;
  /** Undefined if the item cannot be changed. */
  save: ((value: unknown) => void) | undefined;
}

/** A property of an item. A click on its value edits it in place. */
export function Property({ field: { label, kind }, of, value, save }: Props) {
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);
  useEffect(() => {
    if (wasEditing.current && !editing) button.current?.focus();
    wasEditing.current = editing;
  }, [editing]);
  const text = shown(value, kind);
  if (!kind || !save) return <dd className="fixed">{text || "—"}</dd>;
  if (!editing) {
    return (
      <dd>
        <button ref={button} className="value" aria-label={`${label} of ${of}: ${text || "empty"}. Edit`} onClick={() => setEditing(true)}>
          {text || "—"}
        </button>
      </dd>
    );
  }
  const close = (changed?: { value: unknown }) => {
    setEditing(false);
    if (changed) save(changed.value);
  };
  return <dd><EditProperty label={`${label} of ${of}`} kind={kind} value={value} close={close} /></dd>;
}

interface EditProps {
  label: string;
  kind: Kind;
  value: unknown;
  /** Ends the editing, without a value if nothing is to be saved. */
  close: (changed?: { value: unknown }) => void;
}

function EditProperty({ label, kind, value, close }: EditProps) {
  const before = textOf(value);
  const [text, setText] = useState(before);
  const submit = () => close(text === before ? undefined : { value: valueOf(kind, text) });
  const press = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
  };
  return (
    <form
      className="edit"
      onKeyDown={press}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Editor autoFocus kind={kind} label={label} value={text} onChange={setText} />
      <button className="primary">Save</button>
      {value != null && (
        <button type="button" title="Sends null, which is not the same as an empty text" onClick={() => close({ value: null })}>
          Clear
        </button>
      )}
      <button type="button" onClick={() => close()}>
        Cancel
      </button>
    </form>
  );
}
