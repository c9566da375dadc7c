// The rules for schema.graphqls: GraphQL ESLint's recommended ones, Relay's, and a description for everything. Where
// the schema cannot keep one by its design, just that option is off.
import graphql from "@graphql-eslint/eslint-plugin";
import { join } from "node:path";

const { configs, parser } = graphql;
const recommended = configs["flat/schema-recommended"].rules;
const [, names] = recommended["@graphql-eslint/naming-convention"];

export default [
  {
    files: ["schema.graphqls"],
    plugins: { "@graphql-eslint": graphql },
    languageOptions: {
      parser,
      parserOptions: { graphQLConfig: { schema: join(import.meta.dirname, "../../schema.graphqls") } },
    },
    rules: {
      ...recommended,
      ...configs["flat/schema-relay"].rules,
      "@graphql-eslint/input-name": ["error", { checkInputType: true, caseSensitiveInputType: false }],
      "@graphql-eslint/naming-convention": [
        "error",
        {
          ...names,
          // "Order" is what the value of an argument `orderBy` is called elsewhere, too.
          InputObjectTypeDefinition: { style: "PascalCase", requiredSuffixes: ["Input", "Order"] },
        },
      ],
      "@graphql-eslint/no-scalar-result-type-on-mutation": "error",
      // Lists are paged forward only.
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
      // Connections have `nodes` beside `edges`, and not every list is one that grows.
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
      "@graphql-eslint/require-description": [
        "error",
        {
          types: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
        },
      ],
      "@graphql-eslint/strict-id-in-types": [
        "error",
        {
          exceptions: {
            suffixes: ["Connection", "Edge", "Payload"],
            // Values: parts of what they stand in, with no life of their own.
            types: [
              "CompanyDetail",
              "EducationalActivityDetail",
              "FailedSource",
              "GeoCoordinates",
              "Identity",
              "IdentitySet",
              "InferenceData",
              "InstitutionData",
              "ItemBody",
              "LocaleInfo",
              "OriginTenantInfo",
              "PageInfo",
              "PersonDataSources",
              "PhysicalAddress",
              "PositionDetail",
              "ProfileSource",
              "ProfileSourceAnnotation",
              "RelatedPerson",
              "ServiceInformation",
              "YomiPersonName",
            ],
          },
        },
      ],
    },
  },
];
