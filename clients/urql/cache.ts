// #region cache
import { cacheExchange, type Cache, type Entity } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { gql } from "urql";
import type { IntrospectionQuery, IntrospectionTypeRef } from "graphql";

interface Item {
  __typename: string;
  id: string;
  profileSource: { name: string };
}

const each = <T>(names: string[], make: (name: string) => T) => Object.fromEntries(names.map((name) => [name, make(name)]));
const nameOf = (type: IntrospectionTypeRef): string => (type.kind === "NON_NULL" || type.kind === "LIST" ? nameOf(type.ofType) : type.name);

/** Schema is what an introspection of ProfileQL answers; a build step keeps it in a file. */
export function createCache(schema: IntrospectionQuery) {
  const objects = schema.__schema.types.filter((type) => type.kind === "OBJECT");
  const implementing = (name: string) => objects.filter((type) => type.interfaces.some((one) => one.name === name));
  const items = implementing("ItemFacet").map(({ name }) => name);
  const embedded = objects.filter((type) => !implementing("Node").includes(type)).map(({ name }) => name);
  const fields = new Map(objects.map((type) => [type.name, type.fields]));
  const lists = (fields.get("Profile") ?? []).filter(({ type }) => nameOf(type).endsWith("Connection"));

  /** A patch as the cache has it: each object in it says its type. */
  function typed(value: unknown, type: string): unknown {
    if (Array.isArray(value)) return value.map((entry) => typed(entry, type));
    if (typeof value !== "object" || value === null) return value;
    const known = (fields.get(type) ?? []).filter(({ name }) => name in value);
    const members = known.map((f) => [f.name, typed(value[f.name as keyof typeof value], nameOf(f.type))]);
    return { __typename: type, ...Object.fromEntries(members) };
  }

  return cacheExchange({
    schema,
    keys: {
      ...each(embedded, () => () => null), // what has no global id is a part of what it is in
      ...each(items.map((type) => `${type}Edge`), () => ({ cursor }) => (cursor as string | undefined) ?? null),
      ProfileSource: ({ name }) => (name as string | undefined) ?? null,
    },
    resolvers: { Profile: each(lists.map(({ name }) => name), () => relayPagination()) },
    updates: {
      Mutation: {
        ...each(items.map((type) => `create${type}`), (create) => (result, _, cache) => {
          const item = Object.values(result[create] ?? {}).find((member) => typeof member === "object");
          if (item) add(cache, item as Item);
        }),
        deleteProfileItem({ deleteProfileItem: deleted }, _, cache) {
          if (deleted) remove(cache, items, (deleted as { deletedId: string }).deletedId);
        },
      },
    },
    optimistic: each(items.map((type) => `update${type}`), (update) => ({ input }) => {
      const type = update.slice("update".length);
      const { id, patch } = input as { id: string; patch: object };
      const item = { ...(typed(patch, type) as object), id }; // the cache has the rest
      return { __typename: `Update${type}Payload`, [type.charAt(0).toLowerCase() + type.slice(1)]: item };
    }),
  });
}

/** The pages of my lists that are in the cache. */
function pages(cache: Cache) {
  const me = cache.resolve("Query", "me") as Entity;
  return cache.inspectFields(me).flatMap(({ fieldName, arguments: list }) => {
    const page = cache.resolve(me, fieldName, list) as string | null;
    const type = page && (cache.resolve(page, "__typename") as string);
    if (!type?.endsWith("Connection")) return [];
    const { after, orderBy, sources } = (list ?? {}) as { after?: string; orderBy?: { direction: string }; sources?: string[] };
    const edges = cache.resolve(page, "edges") as string[];
    return [{ page, type, edges, sources, isFirst: after == null, newestFirst: orderBy?.direction !== "ASC" }];
  });
}

/** Puts a new item where a list of its source has its newest: at its beginning, or at its end if that is read. */
function add(cache: Cache, { __typename, id, profileSource }: Item): void {
  const edge = { __typename: `${__typename}Edge`, cursor: id, node: { __typename, id } };
  const fragment = `fragment New on ${edge.__typename} { cursor node { id } }`;
  cache.writeFragment(gql(fragment), edge);
  for (const { page, type, edges, sources, isFirst, newestFirst } of pages(cache)) {
    if (type !== `${__typename}Connection` || (sources && !sources.includes(profileSource.name))) continue;
    const isLast = cache.resolve(cache.resolve(page, "pageInfo") as string, "hasNextPage") === false;
    if (newestFirst && isFirst) cache.link(page, "edges", [cache.keyOfEntity(edge), ...edges]);
    if (!newestFirst && isLast) cache.link(page, "edges", [...edges, cache.keyOfEntity(edge)]);
  }
}

/** Takes an item out of all lists. Its id does not tell its type: whatever has it is gone. */
function remove(cache: Cache, types: string[], id: string): void {
  const gone = types.map((__typename) => cache.keyOfEntity({ __typename, id }));
  for (const { page, edges } of pages(cache)) {
    cache.link(page, "edges", edges.filter((edge) => !gone.includes(cache.resolve(edge, "node") as string)));
  }
  for (const key of gone) cache.invalidate(key);
}
// #endregion
