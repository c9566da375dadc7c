import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Builds ProfileQL once for all tests, unless PROFILEQL names a binary that is to be tested. */
export default function setup() {
  if (process.env["PROFILEQL"]) return;
  const folder = mkdtempSync(join(tmpdir(), "profileql-clients-"));
  const binary = join(folder, "profileql");
  execFileSync("go", ["build", "-o", binary, "."], { cwd: join(import.meta.dirname, ".."), stdio: "inherit" });
  process.env["PROFILEQL"] = binary;
  return () => rmSync(folder, { recursive: true, force: true });
}
