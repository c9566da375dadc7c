// What graphql-js takes and ProfileQL refuses, each with its reason and an example.
import { getNamedType, getNullableType, type GraphQLInputType, type GraphQLSchema, isEnumType, isInputObjectType, isListType, parse, visit } from "graphql";
import type { Request } from "./inputs";
import type { Call } from "./judge";
import { facetOf, flags, globalID, isSegment, parseGlobalID, sources } from "./wire";

interface Case {
  schema: GraphQLSchema;
  request: Request;
  calls: Call[];
}

export interface Purpose {
  name: string;
  reason: string;
  /** A request that is refused for this and for nothing else. */
  example: Request;
  /** Whether the rest of the operation is run. */
  part?: true;
  applies(one: Case): boolean;
}

const update = (patch: string, id = '"abc"'): Request => ({
  document: `mutation { updatePersonInterest(input: {id: ${id}, patch: ${patch}}) { __typename } }`,
  variables: "{}",
});
const updateWith = (input: string): Request => ({
  document: "mutation($input: UpdatePersonInterestInput!) { updatePersonInterest(input: $input) { __typename } }",
  variables: `{"input": ${input}}`,
});
const interests = (args: string): Request => ({ document: `{ me { interests(${args}) { nodes { id } } } }`, variables: "{}" });
const query = (selection: string): Request => ({ document: `{ ${selection} }`, variables: "{}" });

export const onPurpose: Purpose[] = [
  {
    name: "half of a surrogate pair",
    reason: "It is no text: the UTF-8 of a source's body has no form for it, and a replacement character is another text.",
    example: updateWith(String.raw`{"id": "abc", "patch": {"displayName": "\ud83d"}}`),
    applies: ({ request }) => /\p{Surrogate}/u.test(texts(JSON.parse(request.variables)).join("\n")),
  },
  {
    name: "a control character in the document itself",
    reason: "The specification of October 2021 has none there, and nobody sees it; an escape can say it.",
    example: update('{displayName: """a\u0001"""}'),
    applies: ({ request }) => /[^\P{Cc}\t\n\r\x7f-\x9f]/u.test(request.document),
  },
  {
    name: "a name twice in one object of the variables",
    reason: "JSON readers keep one of the two values without a word.",
    example: updateWith('{"id": "abc", "patch": {"displayName": "a", "displayName": "b"}}'),
    applies: ({ request }) => hasNameTwice(request.variables),
  },
  {
    name: "a literal of a Float that is over 64 bits",
    reason: "graphql-js makes infinity of it, for which JSON has no form.",
    example: update("{inference: {confidenceScore: 1e400}}"),
    applies: ({ request }) => {
      let found = false;
      // In the document, not in the calls: it is refused as the default of a variable that is given, too.
      const look = ({ value }: { value: string }) => void (found ||= !Number.isFinite(Number(value)));
      visit(parse(request.document), { FloatValue: look, IntValue: look });
      return found;
    },
  },
  {
    name: "a number over 2^53 for an ID, with an exponent or a fraction",
    reason: "It is one of many that a double does not tell apart, so whose id it is nobody knows.",
    example: updateWith('{"id": 1.7976931348623157e308, "patch": {"displayName": "x"}}'),
    applies: ({ request, calls }) =>
      [...request.variables.matchAll(/[-+0-9.eE]+/g)].some(
        ([digits]) => /[.eE]/.test(digits) && Number.isInteger(Number(digits)) && Math.abs(Number(digits)) >= 2 ** 53 &&
          JSON.stringify(calls.map(({ args }) => args)).includes(JSON.stringify(String(Number(digits)))),
      ),
  },
  {
    name: "an id of an update that no item of the facet can have",
    reason: "It would be a path to something else, or to nothing.",
    example: update('{displayName: "x"}', '".."'),
    applies: ({ schema, calls }) =>
      calls.some(({ field, args }) => {
        if (!field.startsWith("Mutation.update")) return false;
        const { id } = args["input"] as { id: string };
        if (!id.startsWith("pq1.")) return !isSegment(id);
        return parseGlobalID(id, schema)?.facet !== facetOf(schema, field.replace("Mutation.", ""));
      }),
  },
  {
    name: "a deletion of what is no global id of an item",
    reason: "Only a global id tells the facet.",
    example: {
      document: 'mutation { deleteProfileItem(input: {id: "abc"}) { __typename } }',
      variables: "{}",
    },
    applies: ({ schema, calls }) =>
      calls.some(({ field, args }) => field === "Mutation.deleteProfileItem" && !parseGlobalID((args["input"] as { id: string }).id, schema)?.facet),
  },
  {
    name: "node and nodes with what is no global id",
    reason: "There is no such object; other ids of nodes have theirs.",
    part: true,
    example: query(`nodes(ids: ["abc", "${globalID(sources[0], "", "interests", "abc")}"]) { __typename }`),
    applies: ({ schema, calls }) =>
      calls.some(
        ({ field, args }) =>
          /^Query\.nodes?$/.test(field) && [args["ids"] ?? args["id"]].flat().some((id) => !parseGlobalID(String(id), schema)),
      ),
  },
  {
    name: "more than 100 ids",
    reason: "A limit, of docs/limits.md.",
    example: query(`nodes(ids: [${`"${globalID(sources[0], "", "interests", "abc")}" `.repeat(101)}]) { __typename }`),
    applies: ({ calls }) => calls.some(({ args }) => Array.isArray(args["ids"]) && args["ids"].length > 100),
  },
  {
    name: "an empty patch",
    reason: "It changes nothing; a form that lost its fields should hear of it.",
    example: update("{}"),
    applies: ({ calls }) => calls.some(({ args }) => Object.keys((args["input"] as { patch?: object } | undefined)?.patch ?? { a: 1 }).length === 0),
  },
  {
    name: "an empty list of flags",
    reason: "One text with commas at the source, it has no form for none; null clears it.",
    example: update("{allowedAudiences: []}"),
    applies: (one) => some(one, (type, value) => isFlags(type) && Array.isArray(value) && value.length === 0),
  },
  {
    name: "the flag that is 0 together with others",
    reason: "The sum is the others alone.",
    example: update("{allowedAudiences: [ME, FAMILY]}"),
    applies: (one) => some(one, (type, value) => isFlags(type) && Array.isArray(value) && value.includes("ME") && new Set(value).size > 1),
  },
  {
    name: "UNKNOWN_FUTURE_VALUE",
    reason: "It stands for what this version does not know, and can be read only.",
    example: update("{allowedAudiences: [UNKNOWN_FUTURE_VALUE]}"),
    applies: (one) => some(one, (type, value) => isEnumType(getNullableType(type)) && value === "UNKNOWN_FUTURE_VALUE"),
  },
  {
    name: "first outside of 1 to 100",
    reason: "A page is bounded, and has items.",
    example: interests("first: 101"),
    applies: ({ calls }) => calls.some(({ args }) => "first" in args && !(Number(args["first"]) >= 1 && Number(args["first"]) <= 100)),
  },
  {
    name: "a cursor that was not given out",
    reason: "It is the place of an item, and nobody else can say it.",
    example: interests('after: "abc"'),
    applies: ({ calls }) => calls.some(({ args }) => args["after"] !== undefined && args["after"] !== null),
  },
  {
    name: "a source that is not configured",
    reason: "Nobody can be asked.",
    example: interests('sources: ["gone"]'),
    applies: ({ calls }) =>
      calls.some(({ args }) =>
        [args["sources"] ?? [], (args["input"] as { source?: string | null } | undefined)?.source ?? []]
          .flat()
          .some((name) => !sources.some((known) => known === name)),
      ),
  },
  {
    name: "no source at all",
    reason: "The list would always be empty.",
    example: interests("sources: []"),
    applies: ({ calls }) => calls.some(({ args }) => Array.isArray(args["sources"]) && args["sources"].length === 0),
  },
  {
    name: "a user that cannot be one segment of a path",
    reason: "It would be a path to something else.",
    example: query('profile(user: "..") { interests { nodes { id } } }'),
    applies: ({ calls }) =>
      calls.some(({ args }) =>
        [args["user"], (args["input"] as { user?: string | null } | undefined)?.user].some((user) => typeof user === "string" && !isSegment(user)),
      ),
  },
];

const isFlags = (type: GraphQLInputType) => isListType(getNullableType(type)) && flags.has(getNamedType(type).name);

/** Whether some coerced value of an operation, at any depth, is such a one. */
function some({ calls }: Case, is: (type: GraphQLInputType, value: unknown) => boolean): boolean {
  const walk = (type: GraphQLInputType, value: unknown): boolean => {
    if (value === undefined || value === null) return false;
    if (is(type, value)) return true;
    const nullable = getNullableType(type);
    if (isListType(nullable)) return (value as unknown[]).some((entry) => walk(nullable.ofType as GraphQLInputType, entry));
    if (!isInputObjectType(nullable)) return false;
    return Object.values(nullable.getFields()).some((field) => walk(field.type, (value as Record<string, unknown>)[field.name]));
  };
  return calls.some(({ args, types }) => Object.entries(types).some(([name, type]) => walk(type, args[name])));
}

/** All texts of a JSON value, names among them. */
function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...texts(member)]);
}

/** Whether an object in JSON has a name twice: then what is written anew has fewer names. */
function hasNameTwice(text: string): boolean {
  const names = (json: string) => json.match(/"(?:[^"\\]|\\.)*"\s*:/g)?.length ?? 0;
  return names(JSON.stringify(JSON.parse(text))) < names(text);
}
