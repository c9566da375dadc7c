// A second subgraph: teams, which refer to profiles and to interests by their ids.
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";

export const teamsSchema = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])

  type Query {
    team(name: String!): Team
    teams(first: Int!): TeamConnection!
  }

  type TeamConnection {
    nodes: [Team!]!
    pageInfo: PageInfo!
  }

  type PageInfo @shareable {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }

  # #region schema
  type Team @key(fields: "name") {
    name: String!
    lead: Profile
    topics: [PersonInterest]!
  }

  type Profile @key(fields: "id") {
    id: ID!
    leads: [Team!]!
  }

  type PersonInterest @key(fields: "id") {
    id: ID!
    teams: [Team!]!
  }
  # #endregion
`);

/** Serves teams, which are objects with a name, the id of a lead and the ids of topics. */
export async function startTeams(teams) {
  const named = (id) => id && { id };
  const resolvers = {
    Query: {
      team: (_, { name }) => teams.find((team) => team.name === name),
      teams: (_, { first }) => ({ nodes: teams.slice(0, first), pageInfo: { hasNextPage: first < teams.length, hasPreviousPage: false } }),
    },
    Team: { lead: (team) => named(team.lead), topics: (team) => team.topics.map(named) },
    Profile: { leads: ({ id }) => teams.filter((team) => team.lead === id) },
    PersonInterest: { teams: ({ id }) => teams.filter((team) => team.topics.includes(id)) },
  };
  const server = new ApolloServer({ schema: buildSubgraphSchema({ typeDefs: teamsSchema, resolvers }) });
  const { url } = await startStandaloneServer(server, { listen: { host: "127.0.0.1", port: 0 } });
  return { url, stop: () => server.stop() };
}
