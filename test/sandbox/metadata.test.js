// What an independent reader of CSDL makes of $metadata, compared with the types of Microsoft Graph beta: SANDBOX_URL
// is the address of a running sandbox, without /beta.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { xml2json } from "odata-csdl";

const address = process.env.SANDBOX_URL;
assert.ok(address, "SANDBOX_URL must be the address of a running sandbox");

const graph = JSON.parse(readFileSync(new URL("graph-types.json", import.meta.url))).types;

// Where $metadata is meant to say something else than Graph does, and why. What no longer differs has to leave.
const intended = new Map(Object.entries({
  "itemFacet.source: personDataSources?, in Graph personDataSource?":
    "the type of the global service; personDataSource is that of a national cloud",
  "profile.anniversaries: navigation Collection(personAnnualEvent), in Graph navigation Collection(personAnniversary)":
    "the type of the global service; personAnniversary is that of a national cloud",
  "userAccountInformation.ageGroup: Edm.String?, in Graph Edm.String": "null is one of its documented values",
  "profileSourceAnnotation.id: missing": "the service answers sourceId; only its documentation says id",
  "user: open EntityType, base entity, in Graph open EntityType, base directoryObject":
    "nothing of directoryObject is served",
  "user.mail: missing": "people are found by their user principal name",
}));
for (const property of ["activities", "awards", "fieldsOfStudy"]) {
  intended.set(`educationalActivityDetail.${property}: Collection(Edm.String), in Graph Edm.String?`,
    "the type of the global service");
}
const required = {
  educationalActivity: { institution: "institutionData", program: "educationalActivityDetail" },
  itemAddress: { detail: "physicalAddress" },
  itemEmail: { address: "Edm.String" },
  itemPatent: { displayName: "Edm.String" },
  itemPhone: { number: "Edm.String" },
  itemPublication: { displayName: "Edm.String" },
  languageProficiency: { displayName: "Edm.String", tag: "Edm.String" },
  personAward: { displayName: "Edm.String" },
  personCertification: { displayName: "Edm.String" },
  personInterest: { displayName: "Edm.String" },
  personName: { displayName: "Edm.String", first: "Edm.String", last: "Edm.String" },
  personWebsite: { displayName: "Edm.String", webUrl: "Edm.String" },
  projectParticipation: { displayName: "Edm.String" },
  skillProficiency: { displayName: "Edm.String" },
  userAccountInformation: { countryCode: "Edm.String" },
  webAccount: { service: "serviceInformation", userId: "Edm.String" },
  workPosition: { detail: "positionDetail" },
};
for (const [type, members] of Object.entries(required)) {
  for (const [member, is] of Object.entries(members)) {
    intended.set(`${type}.${member}: ${is}, in Graph ${is}?`, "a create without it is refused");
  }
}

const messages = [];
let schema;

before(async () => {
  const response = await fetch(`${address}/beta/$metadata`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type"), /^application\/xml\b/);
  schema = xml2json(await response.text(), { messages })["microsoft.graph"];
});

const isMember = ([name]) => !name.startsWith("$") && !name.includes("@");
const isType = ([name, { $Kind }]) => isMember([name]) && $Kind !== "EntityContainer";
const local = (type) => type.replace(/^graph\./, "");

// In CSDL JSON a type not named is Edm.String, and a question mark here stands for $Nullable. Entries of collections
// have none: the reader makes the same of Nullable="false", which the sandbox says, and of nothing, which Graph says.
function memberOf(member) {
  if (typeof member === "number") return member;
  const { $Kind, $Collection, $Nullable, $Type = "Edm.String" } = member;
  const type = $Collection ? `Collection(${local($Type)})` : local($Type);
  return ($Kind === "NavigationProperty" ? "navigation " : "") + type + ($Nullable ? "?" : "");
}

function typeOf(type) {
  const { $Kind, $BaseType, $Key, $Abstract, $OpenType, $IsFlags } = type;
  const kind = [$Abstract && "abstract", $OpenType && "open", $IsFlags && "flags", $Kind].filter(Boolean).join(" ");
  const is = [kind, $BaseType && `base ${local($BaseType)}`, $Key && `key ${$Key}`].filter(Boolean).join(", ");
  const members = Object.entries(type).filter(isMember).map(([name, member]) => [name, memberOf(member)]);
  return { is, members: Object.fromEntries(members) };
}

function* differences(name, ours, theirs) {
  if (!theirs) return yield `${name}: not a type of Graph`;
  if (ours.is !== theirs.is) yield `${name}: ${ours.is}, in Graph ${theirs.is}`;
  for (const member of new Set([...Object.keys(ours.members), ...Object.keys(theirs.members)])) {
    const [our, their] = [ours.members[member], theirs.members[member]];
    if (our === undefined) yield `${name}.${member}: missing`;
    else if (their === undefined) yield `${name}.${member}: not a member in Graph`;
    else if (our !== their && their !== null) yield `${name}.${member}: ${our}, in Graph ${their}`;
  }
}

test("the reader finds no error in $metadata", () => {
  assert.deepEqual(messages.map(({ message }) => message), []);
});

// The reader itself does not look for what a name refers to.
test("every type that $metadata refers to is there", () => {
  const types = Object.entries(schema).filter(isType).map(([name]) => `${schema.$Alias}.${name}`);
  const things = Object.values(schema).flatMap((thing) => [thing, ...Object.values(thing)]);
  const named = things.flatMap(({ $Type, $BaseType }) => [$Type, $BaseType]).filter(Boolean);
  assert.notEqual(named.length, 0);
  assert.deepEqual(named.filter((type) => !type.startsWith("Edm.") && !types.includes(type)), []);
});

test("$metadata differs from Graph where that is meant, and nowhere else", () => {
  const types = Object.entries(schema).filter(isType);
  const found = types.flatMap(([name, type]) => [...differences(name, typeOf(type), graph[name])]);
  assert.deepEqual(found.sort(), [...intended.keys()].sort());
});
