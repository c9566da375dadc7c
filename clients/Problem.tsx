import type { Problem as Known } from "./errors";

/** What a page tells of an error. */
export function Problem({ problem }: { problem: Known | undefined }) {
  return problem && <p role="alert">{`${problem.action}: ${problem.code ?? problem.message}`}</p>;
}
