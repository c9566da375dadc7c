// Random operations, made of nothing but the schema: for each field that takes arguments, right and wrong values of the
// arguments' types, as literals, as variables, and as variables inside of literals.
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLString,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
} from "graphql";
import type { Random } from "./random";
import { list, nothing, number, object, printJSON, printLiteral, string, type Value } from "./values";
import { facetOf, facetsOf, flags, globalID, sources } from "./wire";

/** A request as it is sent. */
export interface Request {
  document: string;
  /** JSON, in which a name may be there twice. */
  variables: string;
}

const texts = [
  "", " ", "a", "Chess", "Zoë", "日本", "😀", "👩‍👩‍👧", "\u{10ffff}", "\u0000", "\u001f", "\u007f", "\u0085", "\ud800", "\udc00",
  "a\udfffz", "\udc00\ud800", "\ufffd", "\ufeff", "\u2028", "<b>&", '"', '"""', "\\", "\\ud800", "\\u{1F600}", "\n", "\r\n", "\t",
  "  a\n   b\n  c", "a\n  b\n    c", "\n\n a\n\n", "true", "null", "5", "1.5", "NaN", "INF", "ME", "..", ".", "/", "a/b", "%2F", "$x",
  "{}", "[]", "pq1.", "pq1.AAA", "2017-01-01T00:00:46Z", "x".repeat(300),
] as const;
const numbers = [
  "0", "1", "-1", "-0", "3", "20", "100", "101", "2147483647", "2147483648", "-2147483649", "0.5", "3.0", "1e1", "2.5e1", "1E-2", "-0.0",
  "0.1", "0.30000000000000004", "9007199254740991", "1.7976931348623157e308", "5e-324", "1e-400", "1e400",
] as const;
const moments = [
  "2017-01-01T00:00:46.1697867+03:00", "2017-01-01T00:00:46Z", "2000-02-29T23:59:59.999999999-12:00", "0001-01-01T00:00:00Z",
] as const;
const noMoments = [
  "2017-01-01", "2017-01-01T00:00:46", "2017-13-01T00:00:00Z", "2001-02-29T00:00:00Z", "2017-01-01T24:00:00Z", "2017-01-01 00:00:46Z",
  "2017-01-01T00:00:46,1Z", "2017-01-01T0:00:46Z", "yesterday", "",
] as const;
export const days = ["2017-01-31", "0001-01-01", "2000-02-29", "0000-02-29", "9999-12-31"] as const;
export const noDays = [
  "2017-02-29", "1900-02-29", "2017-1-1", "2017-13-01", "2017-00-10", "2017-01-00", "2017-01-31T00:00:00Z", "2017-01", "20170131", "17-01-31",
  "+2017-01-31", "2017-01-31 ", "2017/01/31", "yesterday", "",
] as const;
const users = ["ada@example.com", "guest_x#EXT#@example.com", "$sys", "o'hara", "$o'hara", "Zoë", "a/b"] as const;

interface Variable {
  name: string;
  type: string;
  default?: Value;
  value?: Value;
}

type Position = GraphQLArgument | GraphQLInputField;

/** A field with arguments, and the argument and the fields of inputs that lead to one of them. */
export interface Way {
  target: string;
  steps: string[];
}

/** A way to each argument, and to each field of each input type. */
export function ways(schema: GraphQLSchema): Way[] {
  const found = new Map<string, Way>();
  const go = (target: string, steps: string[], step: string, type: GraphQLInputType) => {
    if (found.has(step)) return;
    const way = { target, steps: [...steps, step] };
    found.set(step, way);
    const named = getNamedType(type);
    if (!isInputObjectType(named)) return;
    for (const field of Object.values(named.getFields())) go(target, way.steps, `${named.name}.${field.name}`, field.type);
  };
  for (const target of targets(schema)) {
    const [type = "", name = ""] = target.split(".");
    for (const a of (schema.getType(type) as GraphQLObjectType).getFields()[name]?.args ?? []) go(target, [], `${target}(${a.name}:)`, a.type);
  }
  return [...found.values()];
}

/** Makes one operation, of anything. */
export function operation(schema: GraphQLSchema, random: Random): Request {
  return new Operation(schema, random, random.chance(0.5) ? 0 : random.pick([0.05, 0.15, 0.4])).make();
}

/** Makes one operation that goes a way, with right values only but for, if so asked for, the last one. */
export function operationOn(schema: GraphQLSchema, random: Random, way: Way, wrong: boolean): Request {
  return new Operation(schema, random, 0, way, wrong).make();
}

/** The fields that an operation can be about; a schema that has another one needs another way to it. */
export function targets(schema: GraphQLSchema): string[] {
  const found = [schema.getQueryType(), schema.getMutationType(), schema.getType("Profile") as GraphQLObjectType].flatMap((type) =>
    Object.values(type?.getFields() ?? {}).flatMap((field) => (field.args.length > 0 ? [`${type?.name ?? ""}.${field.name}`] : [])),
  );
  return found.sort();
}

class Operation {
  private readonly variables: Variable[] = [];
  /** How much of an argument's place is taken by variables: none, all of it, or parts. */
  private shape: "literal" | "variable" | "mixed";

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly random: Random,
    private readonly wrongness: number,
    private readonly way?: Way,
    private readonly endsWrong = false,
  ) {
    this.shape = random.pick(way ? ["literal", "variable"] : ["literal", "variable", "mixed"]);
  }

  private isOnTheWay(step: string): boolean {
    return this.way?.steps.includes(step) ?? false;
  }

  make(): Request {
    const { random, schema } = this;
    const { way } = this;
    const [parent, name] = way?.target.split(".") ?? [];
    const mutation = parent === undefined ? random.chance(0.6) : parent === "Mutation";
    const root = mutation ? schema.getMutationType() : schema.getQueryType();
    const fields = Object.values(root?.getFields() ?? {}).filter((field) => field.name === "me" || field.args.length > 0);
    const chosen = parent === undefined ? random.pick(fields) : fields.find((field) => field.name === (parent === "Profile" ? "me" : name));
    if (!chosen) throw new Error(`there is no field ${way?.target}`);
    const selection = this.field(chosen);
    const definitions = this.variables.map(
      (v) => `$${v.name}: ${v.type}${v.default ? ` = ${printLiteral(v.default, random)}` : ""}`,
    );
    const given = this.variables.flatMap(({ name, value }): [string, Value][] => (value ? [[name, value]] : []));
    return {
      document: `${mutation ? "mutation" : "query"}${definitions.length > 0 ? `(${definitions.join(", ")})` : ""} { ${selection} }`,
      variables: printJSON(object(...given), random),
    };
  }

  private field(field: GraphQLField<unknown, unknown>): string {
    return `${field.name}${this.arguments(field)} ${this.selection(field)}`;
  }

  private selection(field: GraphQLField<unknown, unknown>): string {
    const type = getNamedType(field.type).name;
    if (type !== "Profile") return type.endsWith("Connection") ? "{ nodes { id } }" : "{ __typename }";
    const profile = this.schema.getType("Profile") as GraphQLObjectType;
    const [parent, name = ""] = this.way?.target.split(".") ?? [];
    const facet = profile.getFields()[parent === "Profile" ? name : this.random.pick(facetsOf(this.schema))];
    return facet ? `{ ${this.field(facet)} }` : "{ id }";
  }

  private arguments(field: GraphQLField<unknown, unknown>): string {
    const stepTo = (a: GraphQLArgument) => this.way?.steps.find((step) => step.endsWith(`.${field.name}(${a.name}:)`)) ?? "";
    const given = field.args.filter((a) => {
      if (isRequiredArgument(a)) return !this.isWrong();
      return this.way ? stepTo(a) !== "" : this.random.chance(0.5);
    });
    const printed = given.map((a) => {
      const value = this.shape === "variable" ? this.variable(a, stepTo(a)) : this.value(a.type, a, stepTo(a));
      return `${a.name}: ${printLiteral(value, this.random)}`;
    });
    return printed.length > 0 ? `(${printed.join(", ")})` : "";
  }

  private isWrong(): boolean {
    return this.random.chance(this.wrongness);
  }

  /** Puts a variable in the place of an argument, or of a part of one. */
  private variable(position: Position, step: string, type: GraphQLInputType = position.type): Value {
    const { random } = this;
    const name = `v${this.variables.length}`;
    if (this.way) {
      const v: Variable = { name, type: String(type), value: this.plain(() => this.value(type, position, step)) };
      this.variables.push(v);
      return { kind: "variable", name };
    }
    const declared = random.chance(0.85) ? type : this.otherType(type);
    const v: Variable = { name, type: String(declared) };
    this.variables.push(v);
    if (!isNonNullType(declared) && random.chance(0.2)) v.default = this.plain(() => this.value(declared, position, step));
    if (!random.chance(isNonNullType(declared) ? this.wrongness / 2 : 0.15)) v.value = this.plain(() => this.value(declared, position, step));
    return { kind: "variable", name };
  }

  /** A type that may or may not do for a variable in the place of another. */
  private otherType(type: GraphQLInputType): GraphQLInputType {
    const nullable = getNullableType(type);
    return this.random.pick<GraphQLInputType>([
      nullable,
      new GraphQLNonNull(nullable),
      new GraphQLList(type),
      getNamedType(type),
      this.isWrong() ? GraphQLString : type,
    ]);
  }

  /** What is made without variables. */
  private plain(make: () => Value): Value {
    const { shape } = this;
    this.shape = "literal";
    const value = make();
    this.shape = shape;
    return value;
  }

  /** A value for a place; step is how the place is called on a way. */
  private value(type: GraphQLInputType, position: Position, step = ""): Value {
    if (this.shape === "mixed" && this.random.chance(0.2)) return this.variable(position, step, type);
    if (this.endsWrong && step !== "" && step === this.way?.steps.at(-1)) return this.wrong(type, position);
    if (this.isWrong()) return this.wrong(type, position);
    if (isNonNullType(type)) return this.right(type.ofType as GraphQLInputType, position);
    return !this.way && this.random.chance(0.12) ? nothing : this.right(type, position);
  }

  private right(type: GraphQLInputType, position: Position): Value {
    const { random } = this;
    if (isListType(type)) {
      if (random.chance(0.3)) return this.value(type.ofType, position);
      if (this.way) return list(...Array.from({ length: 1 + random.below(3) }, () => this.value(type.ofType, position)));
      if (getNamedType(type).name === "ID" && random.chance(0.03)) return list(...Array.from({ length: 101 }, () => this.id()));
      return list(...Array.from({ length: random.below(4) }, () => this.value(type.ofType, position)));
    }
    if (isInputObjectType(type)) {
      const some = this.way ? 0 : random.pick([0.1, 0.2, 0.5]);
      const fields = Object.values(type.getFields());
      const chosen = fields.filter((f) => isRequiredInputField(f) || this.isOnTheWay(`${type.name}.${f.name}`) || random.chance(some));
      if (this.way && chosen.length === 0) chosen.push(random.pick(fields)); // a patch is not empty
      return object(...chosen.map((f): [string, Value] => [f.name, this.value(f.type, f, `${type.name}.${f.name}`)]));
    }
    if (isEnumType(type)) {
      const known = type.getValues().filter(({ name }, i) => !this.way || (name !== "UNKNOWN_FUTURE_VALUE" && !(flags.has(type.name) && i === 0)));
      return { kind: "enum", name: random.pick(known).name };
    }
    switch (getNamedType(type).name) {
      case "Boolean":
        return { kind: "boolean", value: random.chance(0.5) };
      case "Int":
        return number(this.way || random.chance(0.8) ? String(1 + random.below(100)) : random.pick(numbers));
      case "Float":
        return number(!this.way && random.chance(0.5) ? random.pick(numbers) : String(random.next()));
      case "DateTime":
        return string(random.pick(this.way || random.chance(0.9) ? moments : noMoments));
      case "Date":
        return string(random.pick(this.way || random.chance(0.9) ? days : noDays));
      case "ID":
        return this.id();
      default:
        return string(this.text(position.name));
    }
  }

  /** An id: the bare one of an item, a global one, one that a number spells, and some that are none. */
  private id(): Value {
    const { random } = this;
    if (this.way) {
      const facet = facetOf(this.schema, this.way.target.replace("Mutation.", "")) || random.pick(facetsOf(this.schema));
      return string(globalID(random.pick(sources), random.pick(["", ...users]), facet, "abc"));
    }
    const item = random.pick(["abc", "5f1d8c8e-6a0b-4c57-9d2f-1b7c3a90e4d1", "a/b", "Zoë 1", "😀"]);
    if (random.chance(0.1)) return number(random.pick(["5", "0", "1234567", "-3"]));
    if (random.chance(0.1)) return string(random.pick(texts));
    if (random.chance(0.2)) return string(item);
    const user = random.pick(["", "", ...users]);
    return string(globalID(random.pick([...sources, ...sources, "gone"]), user, random.pick(facetsOf(this.schema)), item));
  }

  /** A text for an argument or field; where only some mean anything, mostly one of those. */
  private text(name: string): string {
    const { random } = this;
    if (this.way || random.chance(0.85)) {
      if (name === "source" || name === "sources") return random.pick(sources);
      if (name === "user") return random.pick(users);
    }
    if (this.way) return random.pick(["Chess", "Zoë", "", "true"]);
    return Array.from({ length: 1 + random.below(2) }, () => random.pick(texts)).join("");
  }

  private wrong(type: GraphQLInputType, position: Position): Value {
    const { random } = this;
    const named = getNamedType(type);
    const enums = Object.values(this.schema.getTypeMap()).filter(isEnumType);
    if (named.name === "Date" && random.chance(0.5)) return string(random.pick(noDays));
    switch (random.below(isInputObjectType(named) ? 11 : 8)) {
      case 0:
        return nothing;
      case 1:
        return number(random.pick(numbers));
      case 2:
        return string(random.pick(texts));
      case 3:
        return { kind: "boolean", value: random.chance(0.5) };
      case 4:
        return { kind: "enum", name: random.pick([...random.pick(enums).getValues().map((v) => v.name), "me", "NOBODY"]) };
      case 5:
        return list(this.right(named, position));
      case 6:
        return list(list(this.right(named, position)), nothing);
      case 7:
        return object(...(random.chance(0.5) ? [] : [["a", number("1")] as [string, Value]]));
      default:
        return this.spoiled(this.right(named, position), position);
    }
  }

  /** An input object with a field too many, a field too few, or a field twice. */
  private spoiled(value: Value, position: Position): Value {
    const { random } = this;
    if (value.kind !== "object") return value;
    const fields = [...value.fields];
    const [first] = fields;
    switch (random.below(3)) {
      case 0:
        fields.push([random.pick(["__typename", "nonsense", "ID", position.name]), string("x")]);
        break;
      case 1:
        fields.splice(random.below(fields.length + 1), 1);
        break;
      default:
        if (first) fields.push(first);
    }
    return object(...fields);
  }
}
