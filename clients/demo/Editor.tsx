import type { Kind } from "./kinds";
import { inWords } from "./values";

interface Props {
  kind: Kind;
  value: string;
  onChange: (value: string) => void;
  id?: string;
  label?: string;
  autoFocus?: boolean;
}

/** The control for a property of some kind. */
export function Editor({ kind, value, onChange, id, label, autoFocus }: Props) {
  const change = (event: { target: { value: string } }) => onChange(event.target.value);
  const shared = { id, "aria-label": label, autoFocus, value, onChange: change };
  switch (kind.is) {
    case "list":
      return <textarea rows={Math.max(2, value.split("\n").length)} placeholder="One in each line" {...shared} />;
    case "date":
      return <input type="date" {...shared} />;
    case "text":
      return value.length > 60 ? <textarea rows={4} {...shared} /> : <input {...shared} />;
    default:
      return (
        <select {...shared}>
          <option value="">—</option>
          {kind.is === "enum" && kind.values.map((one) => <option key={one} value={one}>{inWords(one)}</option>)}
          {kind.is === "boolean" && ["true", "false"].map((one) => <option key={one} value={one}>{one === "true" ? "Yes" : "No"}</option>)}
        </select>
      );
  }
}
