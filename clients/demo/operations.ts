// The operations of the page. Those of a facet are made from its description, and are the same for all facets.
import { gql, type TypedDocumentNode } from "urql";
import type { FailedSource, ItemOrder, PageInfo, ProfileSource } from "./gen/types";
import { facets, type Facet, type Field, type ListName } from "./facets";

/** An item of any facet: the page reads its properties by their paths. */
export interface Item {
  id: string;
  profileSource: Pick<ProfileSource, "name" | "writable">;
  [property: string]: unknown;
}

export interface List {
  edges: { cursor: string; node: Item }[];
  pageInfo: Pick<PageInfo, "hasNextPage" | "endCursor">;
  failedSources: (Pick<FailedSource, "code" | "message"> & { source: Pick<ProfileSource, "name"> })[];
}

export interface Lists {
  me: { id: string } & { [Name in ListName]?: List | null };
}

export interface Whole extends Lists {
  profileSources: Pick<ProfileSource, "name" | "writable">[];
}

export interface Page {
  first: number;
  after?: string | null;
  orderBy: ItemOrder;
}

/** Pages are short, so that there are several. All lists have these arguments, and so each is in the cache once. */
export const firstPage: Page = { first: 4, orderBy: { field: "CREATED_DATE_TIME", direction: "DESC" } };

/** Selects properties by their paths, such as `id detail { company { displayName } }`. */
function select(paths: string[][]): string {
  const members = new Map<string, string[][]>();
  for (const [name, ...rest] of paths) members.set(name!, [...(members.get(name!) ?? []), ...(rest.length ? [rest] : [])]);
  return [...members].map(([name, rest]) => (rest.length ? `${name} { ${select(rest)} }` : name)).join(" ");
}

const itemOf = ({ fields }: Facet) =>
  select([["id"], ["profileSource", "name"], ["profileSource", "writable"], ...fields.map(({ path }) => path)]);

const listOf = (facet: Facet) => `${facet.name}(first: $first, after: $after, orderBy: $orderBy) {
  edges { cursor node { ${itemOf(facet)} } }
  pageInfo { hasNextPage endCursor }
  failedSources { source { name } code message }
}`;

const page = "$first: Int!, $after: String, $orderBy: ItemOrder!";

/** The first page of every facet, and the sources. ProfileQL reads it with one batch for each source. */
export const WholeProfile: TypedDocumentNode<Whole, Page> = gql(
  `query WholeProfile(${page}) { profileSources { name writable } me { id ${facets.map(listOf).join(" ")} } }`,
);

export const Delete: TypedDocumentNode<{ deleteProfileItem: { deletedId: string } | null }, { input: { id: string } }> = gql(
  `mutation Delete($input: DeleteProfileItemInput!) { deleteProfileItem(input: $input) { deletedId } }`,
);

export interface Operations {
  list: TypedDocumentNode<Lists, Page>;
  one: TypedDocumentNode<{ node: Item | null }, { id: string }>;
  create: TypedDocumentNode<object, { input: { item: object; source: string } }>;
  update: TypedDocumentNode<object, { input: { id: string; patch: object } }>;
}

function operationsOf(facet: Facet): Operations {
  const { name, type, member } = facet;
  const write = (what: "Create" | "Update") => gql(
    `mutation ${what}${type}($input: ${what}${type}Input!) { ${what.toLowerCase()}${type}(input: $input) { ${member} { ${itemOf(facet)} } } }`,
  );
  return {
    list: gql(`query ${name.charAt(0).toUpperCase()}${name.slice(1)}(${page}) { me { id ${listOf(facet)} } }`),
    one: gql(`query One${type}($id: ID!) { node(id: $id) { id ... on ${type} { ${itemOf(facet)} } } }`),
    create: write("Create"),
    update: write("Update"),
  };
}

export const operations = new Map<ListName, Operations>(facets.map((facet) => [facet.name, operationsOf(facet)]));

/** The value that an item has at a path. */
export const valueAt = (item: object, path: Field["path"]): unknown =>
  path.reduce<unknown>((value, name) => (value as Record<string, unknown> | null | undefined)?.[name], item);

/** An input with one property and nothing else: what is left out keeps its value, at every depth. */
export const inputOf = (path: Field["path"], value: unknown): object =>
  path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
