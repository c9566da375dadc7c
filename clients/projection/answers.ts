// Random items as a source sends them: mostly of the right form, and odd in all the ways that JSON allows.
import { type GraphQLObjectType, type GraphQLOutputType, type GraphQLSchema, getNamedType, getNullableType, isEnumType, isListType, isObjectType } from "graphql";
import type { Random } from "../coercion/random";
import { flags } from "../coercion/wire";

const texts = ["", "Chess", "Zoë", "😀", "\u0000", "\u2028", "<b>&", '"\\', "null", "5", "true", "x".repeat(200), "2017-01-01"];
const moments = ["2017-01-01T00:00:46.1697867+03:00", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2000-02-29T23:59:59.999999999-12:00"];
const numbers = ["0", "-0", "1", "0.5", "0.50", "1e-7", "1E2", "12345678901234567890", "0.10000000000000000001"];
/** What cannot be written by JSON.stringify, as JSON. */
const odd = [
  "null", "7", "8", "24", "-1", "1e999", "true", "false", "{}", "[]", "[null]", '"odd"', '""', '"INF"', '"\\ud83d"', '"a\\udc00b"', '"\\u00e9\\/"',
  '{"id":5,"x":[1]}', '["a",null,5,true,{},["x"],"b"]', '[{"id":"x"},null,7]', '"2020-01-01T00:00:00\\u005a"', '{"id":"x","id":"y"}',
];
const audiences = ["me", "family", "groupMembers,organization", " organization , me ", "alumni", "organization,alumni,organization", "unknownFutureValue", "12"];

function valueOf(type: GraphQLOutputType, random: Random, depth: number): string {
  if (random.chance(0.15)) return random.pick(odd);
  const nullable = getNullableType(type);
  const named = getNamedType(type);
  if (flags.has(named.name)) return JSON.stringify(random.pick(audiences));
  if (isListType(nullable)) {
    return `[${Array.from({ length: random.below(4) }, () => valueOf(nullable.ofType as GraphQLOutputType, random, depth)).join(", ")}]`;
  }
  if (isObjectType(named)) return objectOf(named, random, depth - 1);
  if (isEnumType(named)) return JSON.stringify(random.pick(named.getValues()).name.toLowerCase());
  switch (named.name) {
    case "Float":
      return random.pick(numbers);
    case "Boolean":
      return String(random.chance(0.5));
    case "DateTime":
      return JSON.stringify(random.pick(moments));
    default:
      return random.chance(0.2) ? escaped(random.pick(texts)) : JSON.stringify(random.pick(texts));
  }
}

/** Spells every UTF-16 code unit as an escape. */
const escaped = (text: string) => `"${text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`;

function objectOf(type: GraphQLObjectType, random: Random, depth: number): string {
  const fields = Object.values(type.getFields()).filter(({ type }) => depth > 0 || !isObjectType(getNamedType(type)));
  const members = fields.filter(() => random.chance(0.8)).map((field) => `${name(field.name, random)}: ${valueOf(field.type, random, depth)}`);
  if (random.chance(0.1)) members.push(`"unheardOf": ${random.pick(odd)}`, `"@odata.etag": "x"`);
  if (random.chance(0.05) && members[0]) members.push(members[0]); // a name twice
  return `{${shuffled(members, random).join(random.pick([",", " , ", ",\n\t"]))}}`;
}

const name = (text: string, random: Random) => (random.chance(0.05) ? escaped(text) : JSON.stringify(text));

function shuffled<T>(all: T[], random: Random): T[] {
  if (random.chance(0.7)) return all;
  return all.map((one) => [random.next(), one] as const).sort(([a], [b]) => a - b).map(([, one]) => one);
}

/** An item, as JSON, with this id and, where it is one of a list, at this place of it. */
export function itemOf(schema: GraphQLSchema, random: Random, id: string, created?: string): string {
  const item = objectOf(schema.getType("PersonInterest") as GraphQLObjectType, random, 4).slice(1, -1);
  const own = [`"id": ${JSON.stringify(id)}`, ...(created === undefined ? [] : [`"createdDateTime": ${JSON.stringify(created)}`])];
  return `{${[...(item.trim() ? [item] : []), ...own].join(", ")}}`; // of members of one name, the last one counts
}
