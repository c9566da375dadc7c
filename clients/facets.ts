// The facets as the schema has them, for tests that cover each of them: what comes to the schema comes to the tests.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  buildSchema,
  getNamedType,
  getNullableType,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
} from "graphql";

export const schema = buildSchema(readFileSync(join(import.meta.dirname, "../schema.graphqls"), "utf8"));

export interface Facet {
  /** The field of Profile, such as positions. */
  name: string;
  /** The type of its items, such as WorkPosition. */
  item: GraphQLObjectType;
  input: GraphQLInputObjectType;
  /** The field of a payload that has the item, such as workPosition. */
  member: string;
}

/** Each field of Profile that returns a connection is a facet. */
export function facetsOf(schema: GraphQLSchema): Facet[] {
  const profile = schema.getType("Profile") as GraphQLObjectType;
  return Object.values(profile.getFields()).flatMap(({ name, type }) => {
    const item = /^(\w+)Connection$/.exec(String(type))?.[1];
    if (item === undefined) return [];
    return {
      name,
      item: schema.getType(item) as GraphQLObjectType,
      input: schema.getType(`${item}Input`) as GraphQLInputObjectType,
      member: item.charAt(0).toLowerCase() + item.slice(1),
    };
  });
}

export const facets = facetsOf(schema);

/** Selects every field of a type, at every depth, but for some of its own. */
export function everything(type: GraphQLOutputType, except: string[] = []): string {
  const named = getNamedType(type);
  if (isLeafType(named)) return "";
  const fields = Object.values((named as GraphQLObjectType).getFields()).filter(({ name }) => !except.includes(name));
  return `{ ${fields.map((field) => `${field.name} ${everything(field.type)}`).join(" ")} }`;
}

/** A value for every property of an input, at every depth, in which texts are the name of the property and a word. */
export function sample(type: GraphQLInputType, word: string, name = ""): unknown {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return [sample(nullable.ofType as GraphQLInputType, word, name)];
  if (isInputObjectType(nullable)) {
    const fields = Object.values(nullable.getFields());
    return Object.fromEntries(fields.map((field) => [field.name, sample(field.type, word, field.name)]));
  }
  if (isEnumType(nullable)) return nullable.getValues()[1]?.name;
  switch (String(nullable)) {
    case "Boolean":
      return true;
    case "Int":
      return 3;
    case "Float":
      return 0.5;
    case "Date":
      return "2017-01-31";
    case "DateTime":
      return "2017-01-31T08:00:00Z";
    default:
      return `${name} ${word}`;
  }
}

/** What sources set themselves, or leave as it is. */
const serversOwn = ["createdBy", "createdDateTime", "lastModifiedBy", "lastModifiedDateTime", "source"];

/** Values for all properties of a facet's items that come back as they were sent. */
export function writable({ input }: Facet, word: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(sample(input, word) as object).filter(([name]) => !serversOwn.includes(name)));
}

/** An operation of each kind for a facet, which selects everything. */
export function operationsOf({ name, item, member }: Facet) {
  const node = everything(item);
  const write = (what: string) => `mutation ${what}($input: ${what}${item.name}Input!) {
    ${what.toLowerCase()}${item.name}(input: $input) { ${member} ${node} }
  }`;
  return {
    list: `query List($first: Int!, $after: String, $orderBy: ItemOrder!) {
      me { id ${name}(first: $first, after: $after, orderBy: $orderBy) {
        edges { cursor node ${node} } pageInfo { hasNextPage endCursor } totalCount
      } }
    }`,
    create: write("Create"),
    update: write("Update"),
    remove: "mutation Remove($input: DeleteProfileItemInput!) { deleteProfileItem(input: $input) { deletedId } }",
    one: `query One($id: ID!) { node(id: $id) { __typename id ... on ItemFacet { itemId } ... on ${item.name} ${node} } }`,
  };
}

export interface Item {
  id: string;
  [property: string]: unknown;
}

/** What the list of a facet answers. */
export interface ListData {
  me: { id: string } & Record<string, unknown>;
}

export interface List {
  edges: { cursor: string; node: Item }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  totalCount: number;
}

export const listOf = (facet: Facet, data: ListData | undefined) => data?.me[facet.name] as List | undefined;

export const newest = { field: "CREATED_DATE_TIME", direction: "DESC" } as const;
export const oldest = { field: "CREATED_DATE_TIME", direction: "ASC" } as const;

/** A value without what caches add to objects. */
export function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value, (name, member: unknown) => (name === "__typename" ? undefined : member))) as T;
}
