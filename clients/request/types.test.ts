import { readFileSync } from "node:fs";
import { join } from "node:path";
import { generate } from "@graphql-codegen/cli";
import { expect, expectTypeOf, test } from "vitest";
import config from "../codegen";
import type {
  AllowedAudience, InterestNamesQuery, PersonInterestInput, UpdatePersonInterestInput,
} from "./gen/graphql";

test("left out, null and a value are three types", () => {
  // #region states
  const keeps: PersonInterestInput = {};
  const clears: PersonInterestInput = { description: null };
  const sets: PersonInterestInput = { description: "A board", categories: [] };
  // #endregion
  expect([keeps, clears, sets]).toHaveLength(3);
  expectTypeOf<PersonInterestInput["description"]>().toEqualTypeOf<string | null | undefined>();
  expectTypeOf<PersonInterestInput["categories"]>().toEqualTypeOf<string[] | null | undefined>();
  // @ts-expect-error: a list holds no null
  const hole: PersonInterestInput = { categories: [null] };
  // @ts-expect-error: there is no such property
  const unknown: PersonInterestInput = { descripton: "A board" };
  // @ts-expect-error: nor one of another type
  const number: PersonInterestInput = { description: 5 };
  expect([hole, unknown, number]).toHaveLength(3);
});

test("what has to be there, has to be there", () => {
  expectTypeOf<UpdatePersonInterestInput>().toHaveProperty("id").toEqualTypeOf<string>();
  // @ts-expect-error: an update needs a patch
  const update: UpdatePersonInterestInput = { id: "x" };
  expect(update).not.toHaveProperty("patch");
});

type Interest = NonNullable<InterestNamesQuery["me"]["interests"]>["nodes"][number];

test("scalars and enums have types of their own", () => {
  expectTypeOf<Interest["id"]>().toEqualTypeOf<string>();
  expectTypeOf<Interest["createdDateTime"]>().toEqualTypeOf<string | null>();
  expectTypeOf<Interest["displayName"]>().toEqualTypeOf<string | null>();
  expectTypeOf<Interest["allowedAudiences"]>().toEqualTypeOf<AllowedAudience[] | null>();
  expectTypeOf<"GROUP_MEMBERS">().toExtend<AllowedAudience>();
  expectTypeOf<"groupMembers">().not.toExtend<AllowedAudience>();
});

/** Generates types as ever, but for the schema with something behind it. */
async function typesWith(more: string): Promise<string> {
  const schema = readFileSync(join(import.meta.dirname, "../../schema.graphqls"), "utf8") + more;
  const { "request/gen/": target } = config.generates;
  const files = await generate({ schema, generates: { "request/gen/": target! }, silent: true }, false);
  return files.map(({ content }: { content: string }) => content).join("\n");
}

test("a scalar without a type of its own stops the generator", async () => {
  const input = "\nextend input PersonInterestInput ";
  expect(await typesWith(`${input}{ since: DateTime }`)).toContain("since?: string | null | undefined");
  await expect(typesWith(`${input}{ since: Year } scalar Year`)).rejects.toThrow(/Unknown scalar type Year/);
});
