// What clients were promised, and whether the changelog says where it is not kept.
import { BreakingChangeType, buildSchema, findSchemaChanges } from "graphql-17";

const heading = "Breaking for clients";

/**
 * The changes that can stop a client, or give it something else than before. Defaults are among them: who leaves out an
 * argument depends on its default, and has to give it where there is none any more.
 */
const breaking = new Set<string>([
  ...Object.values(BreakingChangeType),
  "ARG_DEFAULT_VALUE_CHANGE",
  "INPUT_FIELD_DEFAULT_VALUE_CHANGE",
]);

/** What a change is about, as in `Query.profile(user:)`: the first coordinate in its description, or else a type. */
function coordinate(description: string): string {
  return /@\w+(\(\w+:\))?|\w+\.\w+(\(\w+:\))?/.exec(description)?.[0] ?? description.replace(/ .*/, "");
}

/** The sections of a changelog, from the newest on. */
function sections(changelog: string) {
  return changelog
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const [version = "", state] = text.split(/\s+/);
      const breakages = text.split(/^### /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
      const listed = breakages.split(/^- /m).slice(1).map((item) => /`(.+?)`/.exec(item)?.[1] ?? item.trim());
      return { version, released: state !== "(unreleased)", listed };
    });
}

/**
 * Compares the schema with what clients were last promised, and that with the changelog. The first line of `released`
 * names the version that it belongs to: the newest that is released or, before there is any, the newest.
 *
 * A breaking change is allowed where an item of the unreleased section begins with what it is about, in backquotes.
 */
export function complaints(released: string, current: string, changelog: string): string[] {
  const [newest, ...older] = sections(changelog);
  if (!newest) return ["CHANGELOG.md has no section."];
  const { version } = [newest, ...older].find((section) => section.released) ?? newest;
  const complaints: string[] = [];
  const title = `# ProfileQL ${version}\n`;
  if (!released.startsWith(title) || (newest.released && released !== title + current)) {
    complaints.push(
      `clients/schema/released.graphqls is not the schema of ${version}: refresh it, or begin an unreleased section.`,
    );
  }

  const listed = newest.released ? [] : newest.listed;
  const broken = new Set<string>();
  for (const { type, description } of findSchemaChanges(buildSchema(released), buildSchema(current))) {
    // A scalar of GraphQL's own goes with the last field that has it, which is reported for itself.
    if (!breaking.has(type) || description.startsWith("Standard scalar ")) continue;
    const what = coordinate(description);
    broken.add(what);
    if (listed.includes(what)) continue;
    complaints.push(
      `${type}: ${description} Take the change back or, if clients must live with it, say so in the unreleased ` +
        `section of CHANGELOG.md, under "### ${heading}": - \`${what}\` …`,
    );
  }
  for (const what of listed) {
    if (broken.has(what)) continue;
    complaints.push(`CHANGELOG.md lists \`${what}\` under "### ${heading}", but it is not broken.`);
  }
  return complaints;
}
