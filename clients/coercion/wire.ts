// What a source is asked for which operation: the product's own rules, by their documentation and not by its code.
import { type GraphQLInputType, type GraphQLObjectType, type GraphQLSchema, getNullableType, isEnumType, isInputObjectType, isListType } from "graphql";

/** The names of the sources; the first is the default one. */
export const sources = ["one", "two"] as const;

/** Enums of which several values are one text at the source. */
export const flags = new Set(["AllowedAudience"]);

/** The forms that instants and days must have; to graphql-js, a scalar of a schema's own can be anything. */
export const forms: Record<string, RegExp> = {
  DateTime: /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  Date: /^(\d{4})-(\d\d)-(\d\d)$/,
};

/** Whether a value is an instant or a day, which are the scalars that have a form. */
export function fits(scalar: string, value: unknown): boolean {
  const [year = 0, month = 0, day = 0] = forms[scalar]?.exec(typeof value === "string" ? value : "")?.slice(1, 4).map(Number) ?? [];
  const last = new Date(0);
  last.setUTCFullYear(year, month, 0); // Date.UTC takes the years before 100 for others
  return month >= 1 && month <= 12 && day >= 1 && day <= last.getUTCDate();
}

/** The facets, by their names on Profile. */
export function facetsOf(schema: GraphQLSchema): string[] {
  const fields = Object.values((schema.getType("Profile") as GraphQLObjectType).getFields());
  return fields.filter((field) => String(field.type).endsWith("Connection")).map((field) => field.name);
}

/** The facet that a mutation such as createPersonInterest is about. */
export function facetOf(schema: GraphQLSchema, mutation: string): string {
  const type = mutation.replace(/^(create|update)/, "");
  const fields = (schema.getType("Profile") as GraphQLObjectType).getFields();
  return facetsOf(schema).find((facet) => String(fields[facet]?.type) === `${type}Connection`) ?? "";
}

/** What a source is asked. */
export interface Asked {
  source: string;
  method: string;
  /** Behind the source's own address, with nothing encoded. */
  path: string;
  /** Of a list. */
  orderBy?: string;
  top?: number;
  body?: unknown;
}

export function globalID(source: string, user: string, facet: string, item: string): string {
  return `pq1.${Buffer.from([source, user, facet, item].join("\0")).toString("base64url")}`;
}

export interface ItemID {
  source: string;
  user: string;
  facet: string;
  item: string;
}

/** Reads a global id; undefined for anything else. That of a profile has no facet. */
export function parseGlobalID(text: string, schema: GraphQLSchema): ItemID | undefined {
  const [source = "", user = "", facet = "", item = "", ...more] = Buffer.from(text.slice(4), "base64url").toString().split("\0");
  if (more.length > 0 || globalID(source, user, facet, item) !== text || (user !== "" && !isSegment(user))) return;
  const isProfile = source === "" && facet === "" && item === "";
  const isItem = sources.some((name) => name === source) && facetsOf(schema).includes(facet) && isSegment(item);
  return isProfile || isItem ? { source, user, facet, item } : undefined;
}

/** Whether a text can be one segment of a path. */
export function isSegment(text: string): boolean {
  return !["", ".", ".."].includes(text) && Buffer.byteLength(text) <= 512 && !/\p{Cc}/u.test(text);
}

const camel = (name: string) => name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** What of an input goes into a body. */
export function encode(type: GraphQLInputType, value: unknown): unknown {
  const nullable = getNullableType(type);
  if (value === null) return null;
  if (isListType(nullable)) {
    const entries = (value as unknown[]).map((entry) => encode(nullable.ofType as GraphQLInputType, entry));
    return flags.has(String(getNullableType(nullable.ofType))) ? [...new Set(entries)].join(",") : entries;
  }
  if (isEnumType(nullable)) return camel(String(value));
  if (!isInputObjectType(nullable)) return value;
  const fields = nullable.getFields();
  return Object.fromEntries(
    Object.entries(value as object).map(([name, field]) => [name, encode((fields[name] as { type: GraphQLInputType }).type, field)]),
  );
}

/** The path of a person's items of a facet, or of one item. */
export function pathOf(user: string, facet: string, item?: string): string {
  const person = user === "" ? "me" : user.startsWith("$") ? `users('${user.replaceAll("'", "''")}')` : `users/${user}`;
  return `/${person}/profile/${facet}${item === undefined ? "" : `/${item}`}`;
}
