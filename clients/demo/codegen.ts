// The schema for the page: its types, and what the cache and the editors take from it when they run.
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "../schema.graphqls",
  config: { sort: false }, // the values of enums have an order
  generates: {
    "demo/gen/types.ts": {
      plugins: ["typescript"],
      config: {
        strictScalars: true,
        scalars: { ID: "string", DateTime: "string", Date: "string" },
        enumsAsTypes: true,
        useTypeImports: true,
        skipTypename: true,
      },
    },
    "demo/gen/schema.ts": { plugins: ["./demo/plugin.js"] },
  },
};

export default config;
