// What the schema says of a property. It is the same schema that the cache has.
import { schema } from "./gen/schema";
import type { IntrospectionTypeRef } from "graphql";

/** How a value is edited: lists have one text in each line. */
export type Kind = { is: "text" | "date" | "boolean" | "list" } | { is: "enum"; values: string[] };

const types = new Map(schema.__schema.types.map((type) => [type.name, type]));
const nullable = (type: IntrospectionTypeRef) => (type.kind === "NON_NULL" ? type.ofType : type);

/** The name of the type that a field of Profile has. */
export function typeOf(list: string): string {
  const profile = types.get("Profile");
  const field = profile?.kind === "OBJECT" ? profile.fields.find(({ name }) => name === list) : undefined;
  const type = field && nullable(field.type);
  if (type?.kind !== "OBJECT") throw new Error(`Profile has no list ${list}`);
  return type.name;
}

/** The kind of a property of an input; undefined if the input does not have it, so that it can only be read. */
export function kindOf(input: string, [name, ...rest]: string[]): Kind | undefined {
  const known = types.get(input);
  const field = known?.kind === "INPUT_OBJECT" ? known.inputFields.find((one) => one.name === name) : undefined;
  if (!field) return undefined;
  const type = nullable(field.type);
  switch (type.kind) {
    case "INPUT_OBJECT":
      return kindOf(type.name, rest);
    case "LIST":
      return { is: "list" };
    case "ENUM":
      return { is: "enum", values: valuesOf(type.name) };
    default:
      return { is: type.name === "Boolean" ? "boolean" : type.name === "Date" ? "date" : "text" };
  }
}

/** The values that can be written: what a source has that is newer than the schema can only be read. */
function valuesOf(name: string): string[] {
  const type = types.get(name);
  const values = type?.kind === "ENUM" ? type.enumValues.map((value) => value.name) : [];
  return values.filter((value) => value !== "UNKNOWN_FUTURE_VALUE");
}
