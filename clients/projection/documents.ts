// Random documents, made of nothing but the schema: selections with aliases, fragments on types and interfaces, repeated
// fields, and directives with literals and variables. Every document is valid.
import { type GraphQLInterfaceType, type GraphQLObjectType, type GraphQLSchema, getNamedType, isInterfaceType, isLeafType, isObjectType } from "graphql";
import type { Random } from "../coercion/random";
import { everything, type Facet } from "../facets";

export interface Document {
  document: string;
  variables: Record<string, boolean>;
}

/** Boolean variables that a document may use. */
const switches = ["a", "b", "c"] as const;

/** Fields that are not compared: the test could only repeat the product's own encoding of a place in a list. */
const leftOut = new Set(["cursor", "startCursor", "endCursor"]);

class Selections {
  readonly fragments = new Map<string, string>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly random: Random,
    /** The facet that the document is about; others are in fragments, which do not match. */
    private readonly main: string,
  ) {}

  /** A selection set of an object or interface type. */
  of(type: GraphQLObjectType | GraphQLInterfaceType, depth: number): string {
    const selections = Array.from({ length: 1 + this.random.below(5) }, () => this.one(type, depth));
    return `{ ${selections.join(" ")} }`;
  }

  private one(type: GraphQLObjectType | GraphQLInterfaceType, depth: number): string {
    if (depth > 0 && this.random.chance(0.2)) return this.fragment(type, depth - 1);
    return this.field(type, depth);
  }

  private field(type: GraphQLObjectType | GraphQLInterfaceType, depth: number): string {
    const fields = Object.values(type.getFields()).filter(
      (field) => field.args.length === 0 && !leftOut.has(field.name) && (depth > 0 || isLeafType(getNamedType(field.type))),
    );
    if (fields.length === 0 || this.random.chance(0.1)) return `${this.random.pick(["", "t: "])}__typename ${this.directives()}`;
    const field = this.random.pick(fields);
    // One alias belongs to one field, so that no two selections under one key differ. Facets have fields of one name.
    const isOther = isObjectType(type) && type.getInterfaces().some(({ name }) => name === "ItemFacet") && type.name !== this.main;
    const names = isOther ? [`${type.name}_${field.name}: `] : ["x", "y"].map((letter) => `${letter}_${field.name}: `);
    const alias = isOther || this.random.chance(0.3) ? this.random.pick(names) : "";
    const named = getNamedType(field.type);
    const below = isLeafType(named) ? "" : this.of(named as GraphQLObjectType, depth - 1);
    return `${alias}${field.name} ${this.directives()} ${below}`;
  }

  private fragment(type: GraphQLObjectType | GraphQLInterfaceType, depth: number): string {
    const others = [type, ...type.getInterfaces(), ...(isInterfaceType(type) ? this.schema.getPossibleTypes(type) : [])];
    const on = this.random.pick(others.filter((other) => other.name !== "Profile"));
    const body = this.of(on, depth);
    if (this.random.chance(0.5)) return `... ${on === type && this.random.chance(0.5) ? "" : `on ${on.name}`} ${this.directives()} ${body}`;
    const name = `F${this.fragments.size}`;
    this.fragments.set(name, `fragment ${name} on ${on.name} ${body}`);
    const spread = `...${name} ${this.directives()}`;
    return this.random.chance(0.2) ? `${spread} ...${name}` : spread;
  }

  private directives(): string {
    if (this.random.chance(0.8)) return "";
    const condition = () => (this.random.chance(0.5) ? `$${this.random.pick(switches)}` : String(this.random.chance(0.5)));
    const skip = `@skip(if: ${condition()})`;
    const include = `@include(if: ${condition()})`;
    return this.random.pick([skip, include, `${skip} ${include}`]);
  }
}

/** A random document about a facet, within the limits of docs/limits.md. The item's id in it is ITEM. */
export function documentOf(schema: GraphQLSchema, random: Random, facet: Facet): Document {
  for (;;) {
    const made = anyDocument(schema, random, facet);
    const often = (pattern: RegExp) => made.document.match(pattern)?.length ?? 0;
    if (made.document.length < 5000 && often(/@/g) <= 50 && often(/\w: \w+ /g) <= 100) return made;
  }
}

/** A list of items of a facet with every field. */
export function everythingOf({ name, item }: Facet): Document {
  return { document: `{ me { ${name} { nodes ${everything(item)} } } }`, variables: {} };
}

/** An operation on a field that shows items, whose selection is random. */
function anyDocument(schema: GraphQLSchema, random: Random, { name: facet, item: { name: type } }: Facet): Document {
  const selections = new Selections(schema, random, type);
  const of = (name: string) => selections.of(schema.getType(name) as GraphQLObjectType, 4);
  const [kind, body] = random.pick([
    () => ["query", `{ me { ${facet} ${of(`${type}Connection`)} } }`] as const,
    () => ["query", `{ node(id: "ITEM") ${of("Node")} }`] as const,
    () => ["query", `{ node(id: "ITEM") { ... on ${type} ${of(type)} } }`] as const,
    () => ["mutation", `{ update${type}(input: {id: "ITEM", patch: {isSearchable: true}}) ${of(`Update${type}Payload`)} }`] as const,
  ])();
  const parts = [body, ...selections.fragments.values()];
  const declared = switches.filter((name) => parts.some((part) => part.includes(`$${name}`)));
  const header = declared.length > 0 ? `(${declared.map((name) => `$${name}: Boolean!`).join(", ")})` : "";
  return {
    document: [`${kind} ${header} ${body}`, ...selections.fragments.values()].join("\n"),
    variables: Object.fromEntries(declared.map((name) => [name, random.chance(0.5)])),
  };
}
