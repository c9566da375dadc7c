import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildSchema, introspectionFromSchema } from "graphql";

/** The schema as a build step makes it: without asking a server. */
export const schema = introspectionFromSchema(
  buildSchema(readFileSync(join(import.meta.dirname, "../../schema.graphqls"), "utf8")),
);
