// Between the values of properties and the texts in which a person edits them.
import type { Kind } from "./kinds";

/** The text of a value for its editor: a list has an entry in each line. */
export function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join("\n") : value == null ? "" : String(value);
}

/** The value of a text. No text is null, except where an empty text is a value of its own. */
export function valueOf({ is }: Kind, text: string): unknown {
  switch (is) {
    case "list":
      return text.split("\n").map((line) => line.trim()).filter(Boolean);
    case "boolean":
      return text === "" ? null : text === "true";
    case "text":
      return text;
    default:
      return text === "" ? null : text;
  }
}

/** A value as it is read; empty if there is none. */
export function shown(value: unknown, kind: Kind | undefined): string {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return kind?.is === "enum" && typeof value === "string" ? inWords(value) : textOf(value);
}

/** A value of an enum, such as "Full professional" for FULL_PROFESSIONAL. */
export const inWords = (value: string) => value.charAt(0) + value.slice(1).toLowerCase().replaceAll("_", " ");
