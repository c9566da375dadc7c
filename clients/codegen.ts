// Typed operations for the clients that take them from GraphQL Code Generator; Relay has a compiler of its own.
import { addTypenameSelectionDocumentTransform } from "@graphql-codegen/client-preset";

// #region trusted
/** Writes persisted-documents.json for --operations. The texts have to select what graphcache asks for besides. */
const trusted = {
  presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: "sha256" } },
  documentTransforms: [addTypenameSelectionDocumentTransform],
};
// #endregion

// #region types
import type { CodegenConfig } from "@graphql-codegen/cli";

/** Makes types of the operations in a folder, in its folder gen. */
const types = (folder: string) => ({
  preset: "client" as const,
  presetConfig: { fragmentMasking: false },
  documents: [`${folder}/**/*.{ts,tsx}`, `!${folder}/gen/**`],
  config: {
    strictScalars: true,
    scalars: { ID: "string", DateTime: "string", Date: "string" },
    enumsAsTypes: true,
    useTypeImports: true,
  },
});

const config: CodegenConfig = {
  schema: "../schema.graphqls",
  generates: {
    "apollo/gen/": types("apollo"),
    "apollo/gen/cache.ts": { plugins: ["./apollo/plugin.js"] }, // for the cache of Apollo Client
    "urql/gen/": { ...types("urql"), ...trusted }, // for trusted documents; types alone will do without them
    "request/gen/": types("request"),
  },
};

export default config;
// #endregion
