// What Microsoft's description of the profile API's types makes of the schema: for each facet its types, inputs, list and
// mutations, property by property. The description is read here on its own, and not as ProfileQL or its sandbox read it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  print,
} from "graphql";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const sdl = readFileSync(join(root, "schema.graphqls"), "utf8");

interface GraphType {
  is: string;
  members: Record<string, string | number | null>;
}
const graph = (JSON.parse(readFileSync(join(root, "test/sandbox/graph-types.json"), "utf8")) as { types: Record<string, GraphType> }).types;

// Where the schema is meant to say something else than Microsoft's description, and why. What no longer differs has to leave.

/** Members that have another type, or that are left out. */
const instead: Record<string, [type: string | undefined, reason: string]> = {
  "profile.anniversaries": ["navigation Collection(personAnnualEvent)", "the type of the global service; the other is a national cloud's"],
  "itemFacet.source": ["personDataSources?", "the type of the global service; the other is a national cloud's"],
  "educationalActivityDetail.activities": ["Collection(Edm.String)", "a list in the global service"],
  "educationalActivityDetail.awards": ["Collection(Edm.String)", "a list in the global service"],
  "educationalActivityDetail.fieldsOfStudy": ["Collection(Edm.String)", "a list in the global service"],
  "profileSourceAnnotation.id": [undefined, "the service answers sourceId; only its documentation says id"],
};

/** Types that have another name. */
const names: Record<string, [name: string, reason: string]> = {
  allowedAudiences: ["AllowedAudience", "a set of flags is a list, of which each entry is one audience"],
};

/** Members that are not in inputs. */
const serversOwn: Record<string, string> = {
  "itemFacet.sources": "the service says where its values come from",
  "userAccountInformation.ageGroup": "the directory sets it",
  "userAccountInformation.originTenantInfo": "the directory sets it",
  "userAccountInformation.userPersona": "the directory sets it",
  "userAccountInformation.userPrincipalName": "the directory sets it",
};

const scalars: Record<string, string> = {
  "Edm.Boolean": "Boolean", "Edm.Date": "Date", "Edm.DateTimeOffset": "DateTime", "Edm.Double": "Float", "Edm.Int32": "Int", "Edm.String": "String",
};

const typeOf = (name: string): GraphType => {
  const type = graph[name];
  if (!type) throw new Error(`Microsoft's description has no type ${name}`);
  return type;
};
const pascal = (name: string) => names[name]?.[0] ?? name.charAt(0).toUpperCase() + name.slice(1);
const upper = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

/** The members of a type and of those that it inherits from, but for the key, as [type that has it, member, its type]. */
function membersOf(name: string): [owner: string, member: string, type: string][] {
  const { is, members } = typeOf(name);
  const base = /\bbase (\w+)/.exec(is)?.[1];
  const own = Object.entries(members).flatMap(([member, type]): [string, string, string][] => {
    const known = instead[`${name}.${member}`];
    const meant = known ? known[0] : String(type);
    return meant === undefined || (name === "entity" && member === "id") ? [] : [[name, member, meant]];
  });
  return [...(base ? membersOf(base) : []), ...own];
}

const local = (type: string) => /^(?:Collection\()?([\w.]+?)\)?\??$/.exec(type)?.[1] ?? type;

/** What a member's type is in GraphQL: all may be null, because the service has sent null for nearly everything. */
function inGraphQL(type: string, suffix: string): string {
  const name = local(type);
  const isEnum = /EnumType$/.test(graph[name]?.is ?? "");
  const one = scalars[name] ?? pascal(name) + (isEnum ? "" : suffix);
  return type.startsWith("Collection(") || graph[name]?.is.startsWith("flags ") ? `[${one}!]` : one;
}

/** One line for each thing that the schema must have by the description. */
function expected(): string[] {
  const lines = new Set<string>();
  const say = (...more: string[]) => more.forEach((line) => lines.add(line));

  /** A value: an enum, or an embedded type with its input. */
  const value = (name: string, input: boolean): void => {
    if (scalars[name]) return;
    const { is, members } = typeOf(name);
    if (is.endsWith("EnumType")) return say(`${pascal(name)}: ${Object.keys(members).map(upper).join(" ")}`);
    for (const [, member, type] of membersOf(name)) {
      say(`${pascal(name)}.${member}: ${inGraphQL(type, "")}`);
      if (input) say(`${pascal(name)}Input.${member}: ${inGraphQL(type, "Input")}`);
      value(local(type), input);
    }
  };

  for (const [, facet, navigation] of membersOf("profile")) {
    const name = local(navigation.replace("navigation ", ""));
    const item = pascal(name);
    const order = "{field: CREATED_DATE_TIME, direction: DESC}";
    say(
      `Profile.${facet}(first: Int! = 20, after: String, orderBy: ItemOrder! = ${order}, sources: [String!]): ${item}Connection`,
      `${item}Connection.edges: [${item}Edge!]!`,
      `${item}Connection.nodes: [${item}!]!`,
      `${item}Connection.pageInfo: PageInfo!`,
      `${item}Connection.totalCount: Int`,
      `${item}Connection.failedSources: [FailedSource!]!`,
      `${item}Edge.cursor: String!`,
      `${item}Edge.node: ${item}!`,
      `${item} implements ItemFacet & Node`,
      `${item}.id: ID!`,
      `${item}.itemId: ID!`,
      `${item}.profileSource: ProfileSource!`,
    );
    for (const [write, members] of Object.entries({
      Create: [`item: ${item}Input!`, "source: String", "user: String"],
      Update: ["id: ID!", `patch: ${item}Input!`],
    })) {
      say(
        `Mutation.${write.toLowerCase()}${item}(input: ${write}${item}Input!): ${write}${item}Payload`,
        ...members.map((member) => `${write}${item}Input.${member}`),
        `${write}${item}Payload.${item.charAt(0).toLowerCase() + item.slice(1)}: ${item}!`,
      );
    }
    for (const [owner, member, type] of membersOf(name)) {
      const input = serversOwn[`${owner}.${member}`] === undefined;
      say(`${item}.${member}: ${inGraphQL(type, "")}`);
      if (input) say(`${item}Input.${member}: ${inGraphQL(type, "Input")}`);
      value(local(type), input);
    }
  }
  return [...lines];
}

/** What ProfileQL has besides: types of its own, which no description of Microsoft's has. */
const ours = /^(Query|Node|ItemFacet|PageInfo|FailedSource|ProfileSource|SourceKind|SourceState|ItemOrder|ItemOrderField|OrderDirection|DeleteProfileItem(Input|Payload))\b|^Profile(\.id| implements Node)|^Mutation\.deleteProfileItem\b/;

const argument = ({ name, type, astNode }: GraphQLArgument) =>
  `${name}: ${String(type)}${astNode?.defaultValue ? ` = ${print(astNode.defaultValue).replace(/^{ | }$/g, (brace) => brace.trim())}` : ""}`;

/** One line for each thing that the schema has. */
function actual(schema: GraphQLSchema): string[] {
  const types = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));
  return types.flatMap((type): string[] => {
    if (isEnumType(type)) return [`${type.name}: ${type.getValues().map(({ name }) => name).join(" ")}`];
    if (isInputObjectType(type)) return Object.values(type.getFields()).map((field) => `${type.name}.${argument(field)}`);
    if (!isObjectType(type) && !isInterfaceType(type)) return [];
    const interfaces = type.getInterfaces().map(({ name }) => name);
    const fields = Object.values(type.getFields()).map(({ name, args, type: is }) => {
      const given = args.length > 0 ? `(${args.map(argument).join(", ")})` : "";
      return `${type.name}.${name}${given}: ${String(is)}`;
    });
    return [...(interfaces.length > 0 ? [`${type.name} implements ${interfaces.join(" & ")}`] : []), ...fields];
  });
}

function differences(sdl: string) {
  const [want, got] = [new Set(expected()), new Set(actual(buildSchema(sdl)).filter((line) => !ours.test(line)))];
  return {
    missing: [...want].filter((line) => !got.has(line)),
    unheardOf: [...got].filter((line) => !want.has(line)),
  };
}

test("the schema has what Microsoft's description says, and nothing else", () => {
  expect(membersOf("profile")).toHaveLength(19);
  expect(differences(sdl)).toEqual({ missing: [], unheardOf: [] });
});

test("each difference is one", () => {
  for (const [member, [type]] of Object.entries(instead)) {
    const [owner = "", name = ""] = member.split(".");
    const said = typeOf(owner).members[name];
    expect(said, member).toBeDefined();
    expect(type, member).not.toBe(said);
  }
  for (const [name, [meant]] of Object.entries(names)) expect(meant).not.toBe(name.charAt(0).toUpperCase() + name.slice(1));
  for (const member of Object.keys(serversOwn)) {
    const [owner = "", name = ""] = member.split(".");
    expect(typeOf(owner).members[name], member).toBeDefined();
  }
});

test.each([
  ["a property", /^  jobTitle: String\n/gm, "", ["PositionDetail.jobTitle: String", "PositionDetailInput.jobTitle: String"]],
  ["its type", /layer: Int$/gm, "layer: Float", ["PositionDetail.layer: Int", "PositionDetailInput.layer: Int"]],
  ["null", /awards: \[String!\]$/gm, "awards: [String!]!", ["EducationalActivityDetail.awards: [String!]", "EducationalActivityDetailInput.awards: [String!]"]],
  ["a member of an enum", /^  RADIO\n/gm, "", ["PhoneType: HOME BUSINESS MOBILE OTHER ASSISTANT HOME_FAX BUSINESS_FAX OTHER_FAX PAGER RADIO"]],
  ["a mutation's input", /input: CreateItemPatentInput!/g, "input: CreateItemPhoneInput!", ["Mutation.createItemPatent(input: CreateItemPatentInput!): CreateItemPatentPayload"]],
])("%s that is not as described is named", (_, part: RegExp, by: string, missing: string[]) => {
  const changed = sdl.replace(/^ *"""\n[^]*?\n *"""\n/gm, "").replace(part, by);
  expect(differences(changed).missing).toEqual(missing);
});

test("everything has a description", () => {
  const schema = buildSchema(sdl);
  const found: string[] = [];
  const look = (place: string, { description }: { description?: string | null | undefined }) => {
    if (!description?.trim()) found.push(place);
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
    look(type.name, type);
    if (isEnumType(type)) for (const member of type.getValues()) look(`${type.name}.${member.name}`, member);
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) look(`${type.name}.${field.name}`, field);
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      look(`${type.name}.${field.name}`, field);
      for (const one of field.args) look(`${type.name}.${field.name}(${one.name}:)`, one);
    }
  }
  expect(found).toEqual([]);
});
