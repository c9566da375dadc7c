// What tools learn from a running server is what `profileql schema` prints, whichever graphql-js they are built on.
import { execFileSync } from "node:child_process";
import * as graphql16 from "graphql";
import * as graphql17 from "graphql-17";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ProfileQL, start } from "../profileql";

/** What is used of graphql-js. Each version has types of its own for a schema and for what introspection answers. */
interface GraphQLJS<Schema, Introspection> {
  version: string;
  getIntrospectionQuery(options: Record<string, boolean>): string;
  buildClientSchema(introspection: Introspection): Schema;
  buildSchema(sdl: string): Schema;
  validateSchema(schema: Schema): readonly Error[];
  lexicographicSortSchema(schema: Schema): Schema;
  printSchema(schema: Schema): string;
}

let sdl: string;
let server: ProfileQL;
beforeAll(async () => {
  sdl = execFileSync(process.env["PROFILEQL"] ?? "", ["schema"], { encoding: "utf8" });
  server = await start();
});
afterAll(() => server.stop());

async function introspect<Introspection>(query: string): Promise<Introspection> {
  const response = await fetch(server.url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as { data: Introspection; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

function holdsFor<Schema, Introspection>(major: number, js: GraphQLJS<Schema, Introspection>) {
  describe(`graphql-js ${major}`, () => {
    test("is what is tested", () => expect(js.version).toMatch(new RegExp(`^${major}\\.`)));

    test("finds the schema valid", () => expect(js.validateSchema(js.buildSchema(sdl))).toEqual([]));

    test("reads the same schema from introspection", async () => {
      const query = js.getIntrospectionQuery({
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        oneOf: true,
      });
      const introspected = js.buildClientSchema(await introspect(query));
      // Sorted, because introspection has types by their names.
      const print = (schema: Schema) => js.printSchema(js.lexicographicSortSchema(schema));
      expect(print(introspected)).toBe(print(js.buildSchema(sdl)));
    });
  });
}

holdsFor(16, graphql16);
holdsFor(17, graphql17);
