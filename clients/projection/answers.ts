// Random items as a source sends them: mostly of the right form, and odd in all the ways that JSON allows.
import { type GraphQLObjectType, type GraphQLOutputType, getNamedType, getNullableType, isEnumType, isListType, isObjectType } from "graphql";
import type { Random } from "../coercion/random";
import { flags } from "../coercion/wire";

const texts = ["", "Chess", "Zoë", "😀", "\u0000", "\u2028", "<b>&", '"\\', "null", "5", "true", "x".repeat(200), "2017-01-01"];
const moments = ["2017-01-01T00:00:46.1697867+03:00", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2000-02-29T23:59:59.999999999-12:00"];
const numbers = ["0", "-0", "1", "0.5", "0.50", "1e-7", "1E2", "12345678901234567890", "0.10000000000000000001"];
const days = ["2017-01-31", "0001-01-01", "2000-02-29"];
const integers = ["0", "-0", "3", "2147483647", "-2147483648", "3.0", "1e1"];
/** What cannot be written by JSON.stringify, as JSON. */
const odd = [
  "3.0", "0.5", "2147483648", '"3"', '"+1"', '"-1"', '"15"', '"2017-01-31"', '"2017-02-29"', '"2017-1-1"', '"2017-01-31T00:00:00Z"', '"mobile,pager"',
  "null", "7", "8", "24", "-1", "1e999", "true", "false", "{}", "[]", "[null]", '"odd"', '""', '"INF"', '"\\ud83d"', '"a\\udc00b"', '"\\u00e9\\/"',
  '{"id":5,"x":[1]}', '["a",null,5,true,{},["x"],"b"]', '[{"id":"x"},null,7]', '"2020-01-01T00:00:00\\u005a"', '{"id":"x","id":"y"}',
];
const audiences = ["me", "family", "groupMembers,organization", " organization , me ", "alumni", "organization,alumni,organization", "unknownFutureValue", "12"];

/** How odd an answer is: a full one has everything, and nothing odd. */
type Oddness = "full" | "some" | "much";

const camel = (name: string) => name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** A member of an enum: its name or, because sources send these too, its number or that as a text. */
function memberOf(names: string[], random: Random, oddness: Oddness): string {
  const i = random.below(names.length);
  const name = camel(names[i] ?? "");
  if (oddness !== "full" && random.chance(0.2)) return random.pick(['"alumni"', '"HOME"', '" home"', "99", '"99"', JSON.stringify(names[i])]);
  return random.pick([`"${name}"`, `"${name}"`, String(i), `"${i}"`]);
}

function valueOf(type: GraphQLOutputType, random: Random, depth: number, oddness: Oddness): string {
  if (random.chance({ full: 0, some: 0.15, much: 0.5 }[oddness])) return random.pick(odd);
  const nullable = getNullableType(type);
  const named = getNamedType(type);
  if (flags.has(named.name)) return JSON.stringify(random.pick(audiences));
  if (isListType(nullable)) {
    const length = oddness === "full" ? 1 + random.below(3) : random.below(4);
    return `[${Array.from({ length }, () => valueOf(nullable.ofType as GraphQLOutputType, random, depth, oddness)).join(", ")}]`;
  }
  if (isObjectType(named)) return objectOf(named, random, depth - 1, oddness);
  if (isEnumType(named)) return memberOf(named.getValues().map(({ name }) => name), random, oddness);
  switch (named.name) {
    case "Float":
      return random.pick(numbers);
    case "Int":
      return random.pick(integers);
    case "Boolean":
      return String(random.chance(0.5));
    case "DateTime":
      return JSON.stringify(random.pick(moments));
    case "Date":
      return JSON.stringify(random.pick(days));
    default:
      return random.chance(0.2) ? escaped(random.pick(texts)) : JSON.stringify(random.pick(texts));
  }
}

/** Spells every UTF-16 code unit as an escape. */
const escaped = (text: string) => `"${text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`;

function objectOf(type: GraphQLObjectType, random: Random, depth: number, oddness: Oddness): string {
  const fields = Object.values(type.getFields()).filter(({ type }) => depth > 0 || !isObjectType(getNamedType(type)));
  const chosen = fields.filter(() => oddness !== "some" || random.chance(0.8));
  const members = chosen.map((field) => `${name(field.name, random)}: ${valueOf(field.type, random, depth, oddness)}`);
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
export function itemOf(type: GraphQLObjectType, random: Random, oddness: Oddness, id: string, created?: string): string {
  const item = objectOf(type, random, 5, oddness).slice(1, -1);
  const own = [`"id": ${JSON.stringify(id)}`, ...(created === undefined ? [] : [`"createdDateTime": ${JSON.stringify(created)}`])];
  return `{${[...(item.trim() ? [item] : []), ...own].join(", ")}}`; // of members of one name, the last one counts
}
