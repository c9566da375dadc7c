// What graphql-js makes of a document and a source's answer. Its resolvers take properties as they are, but for what is
// lenient on purpose, all of which stands in `shown`.
import {
  buildSchema,
  execute,
  getNamedType,
  getNullableType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isEnumType,
  isListType,
  isObjectType,
  parse,
  validate,
} from "graphql";
import { fits, flags, globalID } from "../coercion/wire";
import { type Facet, facetsOf } from "../facets";
import type { Document } from "./documents";

export const source = "one";
const constant = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

export const readSchema = (sdl: string) => buildSchema(sdl);

/**
 * What is shown of a value. Intended leniencies: what does not fit its type is null, without an error, because one odd
 * value must not take anything with it; entries that do not fit are left out, because lists have none that are null; one
 * value where a list belongs is a list of one, because versions of the API differ in it; an enum may be a name, a number
 * or a number as a text, because sources send all of them, and what is not known is UNKNOWN_FUTURE_VALUE or, in an enum
 * that has none, null; half of a
 * surrogate pair is U+FFFD, because it is no character; Doubles that are not finite are null, because JSON has none.
 */
function shown(type: GraphQLOutputType, value: unknown): unknown {
  const nullable = getNullableType(type);
  const named = getNamedType(type);
  if (value === undefined || value === null) return null;
  if (isEnumType(named)) {
    const names = named.getValues().map(({ name }) => name);
    return flags.has(named.name) ? audiences(names, value) : member(names, value);
  }
  if (isListType(nullable)) {
    const entries = (Array.isArray(value) ? value : [value]).map((entry) => shown(nullable.ofType as GraphQLOutputType, entry));
    const fitting = entries.filter((entry) => entry !== null);
    return fitting.length === 0 && !Array.isArray(value) ? null : fitting;
  }
  if (isObjectType(named)) return typeof value === "object" && !Array.isArray(value) ? value : null;
  switch (named.name) {
    case "Float":
      return typeof value === "number" && Number.isFinite(value) ? value : null;
    case "Int":
      return Number.isInteger(value) && (value as number) === ((value as number) | 0) ? value : null;
    case "Boolean":
      return typeof value === "boolean" ? value : null;
    case "DateTime":
    case "Date":
      return fits(named.name, value) ? value : null;
    default:
      return typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : null;
  }
}

/** One member: a name, or a number, which is its place in the enum. */
function member(names: string[], value: unknown): string | null {
  if (value === "" || (typeof value !== "string" && !Number.isSafeInteger(value))) return null;
  const text = String(value);
  const known = names.find((name, i) => constant(text) === name || (/^[+-]?\d+$/.test(text) && Number(text) === i));
  return known ?? names.find((name) => name === "UNKNOWN_FUTURE_VALUE") ?? null;
}

/** A set of flags: names separated by commas, or a number whose bits they are. */
function audiences(names: string[], value: unknown): string[] | null {
  if (typeof value !== "string" && !Number.isInteger(value)) return null;
  const text = String(value);
  if (text === "" || !Number.isSafeInteger(typeof value === "number" ? value : 0)) return null;
  const known = text.split(",").flatMap((part) => {
    const name = part.trim();
    const number = /^[+-]?\d+$/.test(name) ? Number(name) : Number.NaN;
    if (number > 0) return bits(names, number);
    if (number === 0) return [names[0] ?? ""];
    return names.includes(constant(name)) && name !== "" ? [constant(name)] : ["UNKNOWN_FUTURE_VALUE"];
  });
  return [...new Set(known)];
}

function bits(names: string[], number: number): string[] {
  const set = names.filter((_, i) => i > 0 && number & (1 << (i - 1)));
  return number >= 1 << (names.length - 1) ? [...new Set([...set, "UNKNOWN_FUTURE_VALUE"])] : set;
}

interface Item {
  json: Record<string, unknown>;
  id: string;
}

/** The data of a document's answer. */
export function judge(schema: GraphQLSchema, facet: Facet, { document, variables }: Document, items: Item[]): unknown {
  const facets = facetsOf(schema).map(({ name }) => name);
  const profileSource = { name: source, kind: "PROFILE", writable: true, facets, state: "UP", throttledUntil: null };
  const ast = parse(document);
  const invalid = validate(schema, ast);
  if (invalid[0]) throw new Error(`${invalid[0].message} in ${document}`);
  const whole = new Map(items.map((item) => [item.json, item]));
  const [first] = items;
  const fieldResolver = (parent: unknown, _: unknown, __: unknown, info: { fieldName: string; returnType: GraphQLOutputType }) => {
    const item = whole.get(parent as Record<string, unknown>);
    switch (item ? info.fieldName : "") {
      case "id":
        return globalID(source, "", facet.name, item?.id ?? "");
      case "itemId":
        return item?.id;
      case "profileSource":
        return profileSource;
    }
    const value = (parent as Record<string, unknown>)[info.fieldName];
    return parent === profileSource || isOurs(parent) ? value : shown(info.returnType, value);
  };
  const nodes = items.map(({ json }) => json);
  const connection = ours({
    nodes,
    edges: nodes.map((node) => ours({ node })),
    pageInfo: ours({ hasNextPage: false, hasPreviousPage: false }),
    totalCount: items.length,
    failedSources: [],
  });
  const payload = ours({ [facet.member]: first?.json });
  const rootValue = ours({ me: ours({ [facet.name]: connection }), node: first?.json, [`update${facet.item.name}`]: payload });
  const typeResolver = () => facet.item.name;
  const result = execute({ schema, document: ast, rootValue, variableValues: variables, fieldResolver, typeResolver });
  if (result instanceof Promise || result.errors) throw new Error(`${JSON.stringify(result)} of ${document}`);
  return result.data;
}

const made = new WeakSet<object>();
function ours<T extends object>(object: T): T {
  made.add(object);
  return object;
}
const isOurs = (value: unknown) => typeof value === "object" && value !== null && made.has(value);
