// Input values before they are GraphQL or JSON, right or wrong, and how both spell them.
import type { Random } from "./random";

export type Value =
  | { kind: "null" }
  | { kind: "boolean"; value: boolean }
  | { kind: "number"; text: string }
  | { kind: "string"; value: string }
  | { kind: "enum"; name: string }
  | { kind: "list"; entries: Value[] }
  | { kind: "object"; fields: [name: string, value: Value][] }
  | { kind: "variable"; name: string };

export const nothing: Value = { kind: "null" };
export const number = (text: string): Value => ({ kind: "number", text });
export const string = (value: string): Value => ({ kind: "string", value });
export const list = (...entries: Value[]): Value => ({ kind: "list", entries });
export const object = (...fields: [string, Value][]): Value => ({ kind: "object", fields });

const hexadecimal = (code: number) => code.toString(16).padStart(4, "0");

/** Spells every UTF-16 code unit as an escape, which GraphQL and JSON have in common. */
const escaped = (text: string) => text.split("").map((unit) => `\\u${hexadecimal(unit.charCodeAt(0))}`).join("");

function quoted(text: string, random: Random): string {
  switch (random.below(5)) {
    case 0:
      return `"${escaped(text)}"`;
    case 1:
      return `"${Array.from(text, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`).join("")}"`;
    case 2:
      // What becomes of white space and of characters that cannot be there is for the judge to say.
      return `"""${text.replaceAll('"""', '\\"""')}"""`;
    default:
      return JSON.stringify(text); // whose escapes GraphQL has too
  }
}

export function printLiteral(value: Value, random: Random): string {
  switch (value.kind) {
    case "null":
      return "null";
    case "boolean":
      return String(value.value);
    case "number":
      return value.text;
    case "string":
      return quoted(value.value, random);
    case "enum":
      return value.name;
    case "list":
      return `[${value.entries.map((entry) => printLiteral(entry, random)).join(", ")}]`;
    case "object":
      return `{${value.fields.map(([name, field]) => `${name}: ${printLiteral(field, random)}`).join(", ")}}`;
    case "variable":
      return `$${value.name}`;
  }
}

export function printJSON(value: Value, random: Random): string {
  switch (value.kind) {
    case "string":
      return random.chance(0.2) ? `"${escaped(value.value)}"` : JSON.stringify(value.value);
    case "enum":
      return JSON.stringify(value.name);
    case "list":
      return `[${value.entries.map((entry) => printJSON(entry, random)).join(", ")}]`;
    case "object":
      return `{${value.fields.map(([name, field]) => `${JSON.stringify(name)}: ${printJSON(field, random)}`).join(", ")}}`;
    case "variable":
      throw new Error("JSON has no variables");
    default:
      return printLiteral(value, random);
  }
}
