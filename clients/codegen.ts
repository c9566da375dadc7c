// Typed operations for the clients that take them from GraphQL Code Generator; Relay has a compiler of its own.
import type { CodegenConfig } from "@graphql-codegen/cli";
import { addTypenameSelectionDocumentTransform } from "@graphql-codegen/client-preset";

// #region trusted
/** Writes persisted-documents.json for --operations. The texts have to select what graphcache asks for besides. */
const trusted = {
  presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: "sha256" } },
  documentTransforms: [addTypenameSelectionDocumentTransform],
};
// #endregion

const config: CodegenConfig = {
  schema: "../schema.graphqls",
  generates: Object.fromEntries(
    ["apollo", "urql", "request"].map((client) => [
      `${client}/gen/`,
      {
        preset: "client",
        presetConfig: { fragmentMasking: false },
        documents: [`${client}/**/*.{ts,tsx}`, `!${client}/gen/**`],
        // #region scalars
        config: {
          strictScalars: true,
          scalars: { ID: "string", DateTime: "string" },
          enumsAsTypes: true,
          useTypeImports: true,
        },
        // #endregion
        ...(client === "urql" && trusted),
      },
    ]),
  ),
};

export default config;
