// Upon a release, what clients are promised from then on is written down, from the root of the repository:
// { echo "# ProfileQL 1.2.3"; cat schema.graphqls; } >clients/schema/released.graphqls
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { complaints } from "./breaking";

const read = (file: string) => readFileSync(join(import.meta.dirname, "../..", file), "utf8");

test("the schema keeps what clients were promised, or the changelog says what it breaks", () => {
  const found = complaints(read("clients/schema/released.graphqls"), read("schema.graphqls"), read("CHANGELOG.md"));
  expect(found.join("\n")).toBe("");
});

const sdl = `directive @public(since: String) on OBJECT | FIELD_DEFINITION

type Query {
  profile(user: String!, first: Int! = 20): Profile
}

type Mutation {
  rename(input: ProfileInput!): Profile
}

interface Node {
  id: ID!
}

type Profile implements Node {
  id: ID!
  name: String!
  score: Float
  audience: Audience
}

type Photo {
  url: String
}

union Thing = Profile | Photo

enum Audience {
  ME
  EVERYONE
}

input ProfileInput {
  rename: String
  audience: Audience = ME
}
`;
const released = `# ProfileQL 0.1.0\n${sdl}`;
const first = "\n## 0.1.0 (2026-11-30)\n\nThe first.\n";
const changelog = (...breakages: string[]) =>
  ["# Changelog\n\n## 0.2.0 (unreleased)\n\n### Breaking for clients\n", ...breakages, first].join("\n");

/** The schema with a part of it replaced; the part must be there. */
function changed(part: string, by: string): string {
  expect(sdl).toContain(part);
  return sdl.replace(part, by);
}

describe.each([
  ["a field removed", "  name: String!\n", "", "FIELD_REMOVED", "Profile.name"],
  ["the last field of a scalar removed", "  score: Float\n", "", "FIELD_REMOVED", "Profile.score"],
  ["a field's type changed", "score: Float", "score: String", "FIELD_CHANGED_KIND", "Profile.score"],
  ["a non-null field made nullable", "name: String!", "name: String", "FIELD_CHANGED_KIND", "Profile.name"],
  ["a nullable input made non-null", "rename: String", "rename: String!", "FIELD_CHANGED_KIND", "ProfileInput.rename"],
  ["an input removed", "  rename: String\n", "", "FIELD_REMOVED", "ProfileInput.rename"],
  ["a required input added", "  rename: ", "  id: ID!\n  rename: ", "REQUIRED_INPUT_FIELD_ADDED", "ProfileInput.id"],
  ["an input's default changed", "= ME", "= EVERYONE", "INPUT_FIELD_DEFAULT_VALUE_CHANGE", "ProfileInput.audience"],
  ["an enum value renamed", "  EVERYONE", "  ANYONE", "VALUE_REMOVED_FROM_ENUM", "Audience.EVERYONE"],
  ["an argument removed", "user: String!, ", "", "ARG_REMOVED", "Query.profile(user:)"],
  ["an argument's type changed", "user: String!", "user: ID!", "ARG_CHANGED_KIND", "Query.profile(user:)"],
  ["an argument's default removed", " = 20", "", "ARG_DEFAULT_VALUE_CHANGE", "Query.profile(first:)"],
  ["a required argument added", "(user", "(at: String!, user", "REQUIRED_ARG_ADDED", "Query.profile(at:)"],
  ["a type made another kind", "interface Node", "type Node", "TYPE_CHANGED_KIND", "Node"],
  ["an interface left", " implements Node", "", "IMPLEMENTED_INTERFACE_REMOVED", "Profile"],
  ["a member of a union removed", " | Photo", "", "TYPE_REMOVED_FROM_UNION", "Photo"],
  ["a directive's argument removed", "(since: String)", "", "DIRECTIVE_ARG_REMOVED", "@public(since:)"],
])("%s", (_, part, by, type, what) => {
  test("is a complaint that names it", () => {
    const found = complaints(released, changed(part, by), changelog());
    expect(found.map((complaint) => /^(\w+): .* - `(.+)` …$/.exec(complaint)?.slice(1))).toEqual([[type, what]]);
  });

  test("is allowed where it is listed", () => {
    expect(complaints(released, changed(part, by), changelog(`- \`${what}\`: it was wrong.`))).toEqual([]);
  });
});

test("what is added breaks nothing", () => {
  const field = changed("  score: Float", "  score: Float\n  photo(width: Int): Photo");
  const added = field.replace("  ME", "  FAMILY\n  ME");
  expect(complaints(released, added, changelog())).toEqual([]);
});

test("what is listed and not broken is stale, also where it is named beside something that is broken", () => {
  const listed = changelog("- `Profile.score`: see `Profile.name`.", "- `Profile.name`: see `Profile.score`.");
  expect(complaints(released, changed("  name: String!\n", ""), listed)).toEqual([
    'CHANGELOG.md lists `Profile.score` under "### Breaking for clients", but it is not broken.',
  ]);
});

test("what a release lists is not for what comes after it", () => {
  const listed = changelog("- `Profile.name`: it was wrong.").replace("unreleased", "2027-01-10");
  expect(complaints(`# ProfileQL 0.2.0\n${sdl}`, sdl, listed)).toEqual([]);
  expect(complaints(`# ProfileQL 0.2.0\n${sdl}`, changed("  name: String!\n", ""), listed)).toEqual([
    expect.stringContaining("not the schema of 0.2.0"),
    expect.stringContaining("FIELD_REMOVED"),
  ]);
});

test("the released schema belongs to the newest release", () => {
  const stale = [expect.stringContaining("not the schema of 0.2.0")];
  expect(complaints(released, sdl, changelog().replace("unreleased", "2027-01-10"))).toEqual(stale);
  expect(complaints(released, sdl, changelog())).toEqual([]);
});

test("before the first release, the released schema belongs to the version that will be the first", () => {
  const unreleased = first.replace("2026-11-30", "unreleased");
  expect(complaints(released, changed("  score: Float", "  score: Float\n  text: String"), unreleased)).toEqual([]);
  expect(complaints(released, sdl, unreleased.replace("0.1.0", "0.0.9"))).toHaveLength(1);
});
