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
import { flags, globalID } from "../coercion/wire";
import type { Document } from "./documents";

export const source = "one";
const moment = /^\d{4}-(0[1-9]|1[0-2])-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const constant = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

export const readSchema = (sdl: string) => buildSchema(sdl);

/**
 * What is shown of a value. Intended leniencies: what does not fit its type is null, without an error, because one odd
 * value must not take anything with it; entries that do not fit are left out, because lists have none that are null; one
 * value where a list belongs is a list of one, because versions of the API differ in it; an enum may be a name, a number
 * or a number as a text, because sources send all of them, and what is not known is UNKNOWN_FUTURE_VALUE; half of a
 * surrogate pair is U+FFFD, because it is no character; Doubles that are not finite are null, because JSON has none.
 */
function shown(type: GraphQLOutputType, value: unknown): unknown {
  const nullable = getNullableType(type);
  const named = getNamedType(type);
  if (value === undefined || value === null) return null;
  if (isEnumType(named)) return flags.has(named.name) ? audiences(named.getValues().map(({ name }) => name), value) : null;
  if (isListType(nullable)) {
    const entries = (Array.isArray(value) ? value : [value]).map((entry) => shown(nullable.ofType as GraphQLOutputType, entry));
    const fitting = entries.filter((entry) => entry !== null);
    return fitting.length === 0 && !Array.isArray(value) ? null : fitting;
  }
  if (isObjectType(named)) return typeof value === "object" && !Array.isArray(value) ? value : null;
  switch (named.name) {
    case "Float":
      return typeof value === "number" && Number.isFinite(value) ? value : null;
    case "Boolean":
      return typeof value === "boolean" ? value : null;
    case "DateTime":
      return typeof value === "string" && moment.test(value) ? value : null;
    default:
      return typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : null;
  }
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

const profileSource = { name: source, kind: "PROFILE", writable: true, facets: ["interests"], state: "UP", throttledUntil: null };

/** The data of a document's answer. */
export function judge(schema: GraphQLSchema, { document, variables }: Document, items: Item[]): unknown {
  const ast = parse(document);
  const invalid = validate(schema, ast);
  if (invalid[0]) throw new Error(`${invalid[0].message} in ${document}`);
  const whole = new Map(items.map((item) => [item.json, item]));
  const [first] = items;
  const fieldResolver = (parent: unknown, _: unknown, __: unknown, info: { fieldName: string; returnType: GraphQLOutputType }) => {
    const item = whole.get(parent as Record<string, unknown>);
    switch (item ? info.fieldName : "") {
      case "id":
        return globalID(source, "", "interests", item?.id ?? "");
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
  const payload = ours({ personInterest: first?.json });
  const rootValue = ours({ me: ours({ interests: connection }), node: first?.json, updatePersonInterest: payload });
  const typeResolver = () => "PersonInterest";
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
