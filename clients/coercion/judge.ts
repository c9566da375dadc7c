// What graphql-js makes of a request, and what a source has to be asked by it.
import {
  buildSchema,
  execute,
  getNamedType,
  getNullableType,
  type GraphQLInputType,
  type GraphQLResolveInfo,
  type GraphQLScalarType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  Kind,
  parse,
  validate,
} from "graphql";
import type { Request } from "./inputs";
import { onPurpose, type Purpose } from "./purpose";
import { type Asked, encode, facetOf, fits, forms, parseGlobalID, pathOf, sources } from "./wire";

/** A field that was run, with its arguments as graphql-js coerced them. */
export interface Call {
  field: string;
  args: Record<string, unknown>;
  /** The types of the arguments. */
  types: Record<string, GraphQLInputType>;
  /** Whose profile it is in. */
  user: string;
}

export interface Verdict {
  /** Why graphql-js refuses the request. */
  refused?: string;
  /** Why the product does, and graphql-js does not. */
  purposes: Purpose[];
  /** What the sources have to be asked, in any order. */
  asked: Asked[];
  /** What was run, if anything was. */
  calls?: Call[];
}

/**
 * Reads instants and days while an operation is run. A literal's form is nothing that validation could know of; and where
 * a variable's default is none, graphql-js goes on without it, since validation should have found it.
 */
const reading = { running: false, wrong: false };

export function readSchema(sdl: string): GraphQLSchema {
  const schema = buildSchema(sdl);
  for (const name of Object.keys(forms)) {
    const read = (value: unknown) => {
      if (!reading.running || fits(name, value)) return value;
      reading.wrong = true;
      throw new Error(`not a ${name}`);
    };
    const scalar = schema.getType(name) as GraphQLScalarType;
    scalar.parseValue = read;
    scalar.parseLiteral = (node) => read(node.kind === Kind.STRING ? node.value : undefined);
  }
  return schema;
}

/** Runs a request with graphql-js. */
function run(schema: GraphQLSchema, { document, variables }: Request): { refused: string } | { calls: Call[] } {
  const calls: Call[] = [];
  const fieldResolver = (_: unknown, args: Call["args"], __: unknown, info: GraphQLResolveInfo) => {
    const definition = info.parentType.getFields()[info.fieldName];
    if (definition && definition.args.length > 0) {
      const types = Object.fromEntries(definition.args.map((argument) => [argument.name, argument.type]));
      const [outer] = calls;
      calls.push({ field: `${info.parentType.name}.${info.fieldName}`, args, types, user: String(outer?.args["user"] ?? "") });
    }
    if (isListType(getNullableType(info.returnType))) return [];
    return getNamedType(info.returnType).name === "Node" ? null : {};
  };
  try {
    const parsed = parse(document);
    const errors = validate(schema, parsed);
    if (errors[0]) return { refused: errors[0].message };
    Object.assign(reading, { running: true, wrong: false });
    const result = execute({ schema, document: parsed, variableValues: JSON.parse(variables) as Record<string, unknown>, fieldResolver });
    if (result instanceof Promise) throw new Error("nothing here takes time");
    if (reading.wrong) return { refused: "not a DateTime or Date" };
    return result.errors?.[0] ? { refused: result.errors[0].message } : { calls };
  } catch (error) {
    return { refused: String(error) };
  } finally {
    reading.running = false;
  }
}

export function judge(schema: GraphQLSchema, request: Request): Verdict {
  const result = run(schema, request);
  if ("refused" in result) return { refused: result.refused, purposes: [], asked: [] };
  const purposes = onPurpose.filter((purpose) => purpose.applies({ schema, request, calls: result.calls }));
  // Each id of nodes is for itself; whatever else is wrong with an operation, all of it is refused.
  const whole = purposes.filter((purpose) => !purpose.part);
  return { purposes, calls: result.calls, asked: whole.length > 0 ? [] : result.calls.flatMap((call) => asked(schema, call)) };
}

/** What a field has its source asked. */
function asked(schema: GraphQLSchema, { field, args, types, user }: Call): Asked[] {
  const [parent = "", name = ""] = field.split(".");
  const input = (args["input"] ?? {}) as Record<string, unknown>;
  const itemOf = (id: unknown) => {
    const known = parseGlobalID(String(id), schema);
    return known && known.facet !== "" ? [{ source: known.source, path: pathOf(known.user, known.facet, known.item) }] : [];
  };
  if (parent === "Profile") {
    const names = (args["sources"] ?? sources) as string[];
    const { field: by, direction } = args["orderBy"] as { field: string; direction: string };
    return [...new Set(names)].map((source) => ({
      source,
      method: "GET",
      path: pathOf(user, name),
      orderBy: `${String(encode(orderFieldType(types), by))}${direction === "DESC" ? " desc" : ""},id`,
      top: Math.max(Number(args["first"]) + 1, 8),
    }));
  }
  if (parent === "Query") {
    return [args["ids"] ?? args["id"] ?? []].flat().flatMap((id) => itemOf(id).map((item) => ({ ...item, method: "GET" })));
  }
  if (name === "deleteProfileItem") return itemOf(input["id"]).map((item) => ({ ...item, method: "DELETE" }));
  const facet = facetOf(schema, name);
  const bodyOf = (member: string) => encode(fieldType(types["input"], member), input[member]);
  if (name.startsWith("create")) {
    const path = pathOf(String(input["user"] ?? ""), facet);
    return [{ source: String(input["source"] ?? sources[0]), method: "POST", path, body: bodyOf("item") }];
  }
  const id = String(input["id"]);
  const items = id.startsWith("pq1.") ? itemOf(id) : [{ source: sources[0], path: pathOf("", facet, id) }];
  return items.map((item) => ({ ...item, method: "PATCH", body: bodyOf("patch") }));
}

function fieldType(type: GraphQLInputType | undefined, name: string): GraphQLInputType {
  const object = type && getNamedType(type);
  const field = isInputObjectType(object) ? object.getFields()[name] : undefined;
  if (!field) throw new Error(`${String(type)} has no field ${name}`);
  return field.type;
}

const orderFieldType = (types: Call["types"]) => fieldType(types["orderBy"], "field");
