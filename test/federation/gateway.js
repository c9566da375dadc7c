// Apollo Gateway in front of two subgraphs. It forwards the caller's token.
import { composeServices } from "@apollo/composition";
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { parse } from "graphql";
import { subgraphSchema } from "./profileql.js";
import { teamsSchema } from "./teams.js";

export const compose = (profileqlURL, teamsURL, schema = subgraphSchema()) =>
  composeServices([
    { name: "profileql", url: profileqlURL, typeDefs: parse(schema) },
    { name: "teams", url: teamsURL, typeDefs: teamsSchema },
  ]);

class Authorized extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    if (context.authorization) request.http.headers.set("authorization", context.authorization);
  }
}

export async function startGateway(supergraphSdl) {
  const gateway = new ApolloGateway({ supergraphSdl, buildService: ({ url }) => new Authorized({ url }) });
  const server = new ApolloServer({ gateway, includeStacktraceInErrorResponses: false });
  const { url } = await startStandaloneServer(server, {
    listen: { host: "127.0.0.1", port: 0 },
    context: async ({ req }) => ({ authorization: req.headers.authorization }),
  });
  return { url, stop: () => server.stop() };
}
