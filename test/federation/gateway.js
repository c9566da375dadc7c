// Two gateways in front of two subgraphs: Apollo's and Hive's, each with its maker's composition. They forward the caller's
// token.
import { createServer } from "node:http";
import { composeServices } from "@apollo/composition";
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";
import { composeServices as composeForHive } from "@theguild/federation-composition";

// #region apollo
class Authorized extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    if (context.authorization) request.http.headers.set("authorization", context.authorization);
  }
}

async function startApollo(supergraphSdl) {
  const gateway = new ApolloGateway({ supergraphSdl, buildService: ({ url }) => new Authorized({ url }) });
  const server = new ApolloServer({ gateway, includeStacktraceInErrorResponses: false });
  const { url } = await startStandaloneServer(server, {
    listen: { host: "127.0.0.1", port: 0 },
    context: async ({ req }) => ({ authorization: req.headers.authorization }),
  });
  return { url, stop: () => server.stop() };
}
// #endregion

async function startHive(supergraph) {
  // #region hive
  const gateway = createGatewayRuntime({
    supergraph,
    propagateHeaders: {
      fromClientToSubgraphs: ({ request }) => ({ authorization: request.headers.get("authorization") ?? undefined }),
    },
    maskedErrors: false, // the codes of errors in subgraphs are for clients
    logging: false,
  });
  // #endregion
  const server = createServer(gateway);
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  return {
    url: `http://127.0.0.1:${server.address().port}/graphql`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

/** Compose returns the supergraph of subgraphs (name, url, typeDefs), or errors; start serves a supergraph. */
export const gateways = {
  apollo: { compose: composeServices, start: startApollo },
  hive: { compose: composeForHive, start: startHive },
};
