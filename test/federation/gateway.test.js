// ProfileQL as a subgraph behind two gateways, beside another subgraph whose teams refer to profiles and interests.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { concatAST, parse, visit } from "graphql";
import { gateways } from "./gateway.js";
import { send, startProfileQL, subgraphSchema } from "./profileql.js";
import { startTeams, teamsSchema } from "./teams.js";

let profileql, teams, gateway;
let ada, yuki, interests; // ids

before(async () => {
  profileql = await startProfileQL();
  ada = await idOf("ada@example.com");
  yuki = await idOf("yuki@example.com");
  interests = await createInterests("ada@example.com", 102);
  const deleted = interests.pop();
  await direct("mutation($id: ID!) { deleteProfileItem(input: {id: $id}) { deletedId } }", { id: deleted }, "ada@example.com");
  const all = [
    { name: "engines", lead: ada, topics: interests.slice(0, 2) },
    { name: "compilers", lead: yuki, topics: [interests[0]] },
    { name: "flawed", lead: "ada@example.com", topics: [interests[3], deleted, interests[4]] },
    { name: "crowded", lead: null, topics: interests },
    { name: "full", lead: null, topics: interests.slice(0, 100) },
  ];
  teams = await startTeams(all);
});

after(async () => {
  await teams?.stop();
  await profileql?.stop();
});

afterEach(() => profileql.faults());

/** Sends an operation to ProfileQL without the gateway, and returns its data. */
async function direct(query, variables, token) {
  const { data, errors } = await send(profileql.url, query, variables, token);
  assert.deepEqual(errors, undefined);
  return data;
}

const idOf = async (user) => (await direct(`query($user: String!) { profile(user: $user) { id } }`, { user })).profile.id;

/** Creates interests of a person, and returns their ids. */
async function createInterests(user, n) {
  const ids = [];
  while (ids.length < n) {
    const fields = Array.from({ length: Math.min(10, n - ids.length) }, (_, i) =>
      `c${i}: createPersonInterest(input: {user: "${user}", item: {displayName: "topic ${ids.length + i}"}}) { personInterest { id } }`);
    const created = await direct(`mutation { ${fields.join(" ")} }`, {}, user);
    ids.push(...Object.values(created).map((payload) => payload.personInterest.id));
  }
  return ids;
}

const ownSchema = parse(subgraphSchema());

/** The subgraphs, with these type definitions. */
const subgraphs = (own = ownSchema, theirs = teamsSchema) => [
  { name: "profileql", url: profileql.url, typeDefs: own },
  { name: "teams", url: teams.url, typeDefs: theirs },
];

const ask = (query, variables, token) => send(gateway.url, query, variables, token);

/** Asks the gateway, and returns the data of an answer without errors. */
async function read(query, variables, token) {
  const { data, errors } = await ask(query, variables, token);
  assert.deepEqual(errors, undefined);
  return data;
}

/** What tells people apart. */
const name = "fragment Name on Profile { names(first: 1, sources: [\"sandbox\"]) { nodes { displayName } } }";
const nameOf = (displayName) => ({ names: { nodes: [{ displayName }] } });
const people = { "ada@example.com": nameOf("Dr. Ada Maria Lindqvist-Öberg III"), "yuki@example.com": nameOf("Yuki Sato") };

const codes = (errors) => errors.map((e) => e.extensions.code);

for (const [maker, { compose, start }] of Object.entries(gateways)) {
  describe(maker, () => {
    let composed;

    before(async () => {
      composed = compose(subgraphs());
      gateway = await start(composed.supergraphSdl);
    });

    after(() => gateway?.stop());

    test("composition has no complaints, and every entity can be looked up", () => {
      assert.deepEqual(composed.errors, undefined);
      assert.deepEqual(composed.hints ?? [], []);
      const entities = composed.supergraphSdl.match(/@join__type\(graph: PROFILEQL, key: "id"\)/g);
      const isNode = (type) => type.kind === "ObjectTypeDefinition" && type.interfaces.some(({ name }) => name.value === "Node");
      assert.equal(entities.length, ownSchema.definitions.filter(isNode).length);
      assert.ok(entities.length >= 20);
      assert.doesNotMatch(composed.supergraphSdl, /_entities|_service/);
    });

    test("another subgraph with a field node: composition needs a schema without ours", () => {
      const withNode = concatAST([teamsSchema, parse("interface Node { id: ID! } extend type Query { node(id: ID!): Node }")]);
      assert.match(String(compose(subgraphs(ownSchema, withNode)).errors), /Query.node/);
      const without = visit(ownSchema, {
        ObjectTypeDefinition: (type) => (type.name.value === "Query" ? undefined : false),
        FieldDefinition: (field) => (["node", "nodes"].includes(field.name.value) ? null : undefined),
      });
      assert.deepEqual(compose(subgraphs(without, withNode)).errors, undefined);
    });

    test("a team's lead and topics", async () => {
      const { team } = await read(`{ team(name: "engines") {
        name
        lead { id ...Name }
        topics { id displayName profileSource { name } }
      } } ${name}`);
      assert.deepEqual(team, {
        name: "engines",
        lead: { id: ada, ...people["ada@example.com"] },
        topics: [0, 1].map((i) => ({ id: interests[i], displayName: `topic ${i}`, profileSource: { name: "sandbox" } })),
      });
    });

    test("from a profile to teams, and back to other profiles", async () => {
      const { profile } = await read(`{ profile(user: "ada@example.com") {
        leads { name topics { displayName teams { name lead { ...Name } } } }
      } } ${name}`);
      const compilers = profile.leads[0].topics[0].teams.find((team) => team.name === "compilers");
      assert.deepEqual(compilers.lead, people["yuki@example.com"]);
    });

    test("types of both subgraphs", async () => {
      const { teams, me } = await read(`{
        teams(first: 1) { pageInfo { hasNextPage endCursor } }
        me { interests(first: 1) { pageInfo { hasNextPage hasPreviousPage } } }
      }`);
      assert.deepEqual(teams.pageInfo, { hasNextPage: true, endCursor: null });
      assert.deepEqual(me.interests.pageInfo, { hasNextPage: true, hasPreviousPage: false });
    });

    test("a mutation, whose payload has fields of the other subgraph", async () => {
      const { updatePersonInterest } = await read(
        `mutation($input: UpdatePersonInterestInput!) { updatePersonInterest(input: $input) {
          personInterest { displayName description categories teams { name } }
        } }`,
        { input: { id: interests[1], patch: { displayName: "changed", description: null, categories: [] } } },
        "ada@example.com",
      );
      const { displayName, description, categories, teams } = updatePersonInterest.personInterest;
      assert.deepEqual([displayName, description, categories], ["changed", null, []]);
      assert.deepEqual(teams.map((team) => team.name), ["engines", "crowded", "full"]);
      const { team } = await read(`{ team(name: "engines") { topics { displayName } } }`);
      assert.equal(team.topics[1].displayName, "changed");
      await read(`mutation($input: UpdatePersonInterestInput!) { updatePersonInterest(input: $input) { personInterest { id } } }`,
        { input: { id: interests[1], patch: { displayName: "topic 1" } } }, "ada@example.com");
    });

    test("the caller's token reaches the source", async () => {
      for (const [user, known] of Object.entries(people)) {
        const { me } = await read(`{ me { ...Name } } ${name}`, {}, user);
        assert.deepEqual(me, known);
      }
    });

    // The other subgraph has said that there is an object, so a gateway returns one, whose fields from ProfileQL are null.
    test("ids that are none, or of nothing: the fields are null, with an error for each", async () => {
      const { data, errors } = await ask(`{ team(name: "flawed") { lead { names { totalCount } } topics { displayName } } }`);
      assert.deepEqual(data.team, {
        lead: { names: null },
        topics: [{ displayName: "topic 3" }, { displayName: null }, { displayName: "topic 4" }],
      });
      assert.deepEqual(codes(errors).sort(), ["BAD_USER_INPUT", "NOT_FOUND"]);
    });

    test("a source that fails: the rest of the answer is there", async () => {
      await profileql.faults({ fault: "error", status: 403, path: "/beta/users/ada@example.com/profile/names" });
      const { data, errors } = await ask(`{ team(name: "engines") { name lead { ...Name emails(sources: ["sandbox"]) { totalCount } } } } ${name}`);
      assert.deepEqual(data.team, { name: "engines", lead: { names: null, emails: { totalCount: 3 } } });
      assert.deepEqual(codes(errors), ["FORBIDDEN"]);
      assert.equal(errors[0].extensions.serviceName, "profileql");
    });

    test("a source that wants a token", async () => {
      await profileql.faults({ fault: "error", status: 401, path: "/beta" });
      const { data, errors } = await ask(`{ team(name: "engines") { name topics { displayName } } }`, {}, "");
      assert.deepEqual(data.team, { name: "engines", topics: [{ displayName: null }, { displayName: null }] });
      assert.deepEqual(codes(errors), ["UNAUTHENTICATED", "UNAUTHENTICATED"]);
    });

    test("100 representations are resolved, 101 are refused", async () => {
      const { team } = await read(`{ team(name: "full") { topics { displayName } } }`);
      assert.deepEqual(team.topics.map((topic) => topic.displayName), interests.slice(0, 100).map((_, i) => `topic ${i}`));
      const { data, errors } = await ask(`{ team(name: "crowded") { name topics { displayName } } }`);
      assert.deepEqual(data.team, { name: "crowded", topics: interests.map(() => ({ displayName: null })) });
      assert.deepEqual([...new Set(codes(errors))], ["LIMIT_EXCEEDED"]);
      assert.deepEqual([errors[0].extensions.limit, errors[0].extensions.value], ["representations", 100]);
    });
  });
}
