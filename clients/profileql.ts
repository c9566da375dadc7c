// A ProfileQL of a test's own, with a sandbox of its own inside, over real HTTP.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { vi } from "vitest";

/** A rule by which the sandbox misbehaves; docs/sandbox.md has them all. */
export interface FaultRule {
  fault: string;
  [parameter: string]: unknown;
}

export interface ProfileQL {
  /** The GraphQL endpoint. */
  url: string;
  /** The sandbox's own address, without /beta. */
  source: string;
  /** Lets the sandbox misbehave by these rules from now on; by none, behave again. */
  faults(...rules: FaultRule[]): Promise<void>;
  stop(): Promise<void>;
}

/** Starts ProfileQL and returns once it listens. */
export async function start(...options: string[]): Promise<ProfileQL> {
  const child = spawn(process.env["PROFILEQL"]!, ["--listen", "127.0.0.1:0", ...options], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  let banner = "";
  for await (const line of createInterface({ input: child.stdout })) {
    banner += `${line}\n`;
    if (/^ *Source /.test(line)) break;
  }
  const url = /^ *GraphQL *(\S+)/m.exec(banner)?.[1];
  const source = /^ *Source .*?(https?:\/\/[^/\s]+)/m.exec(banner)?.[1];
  if (!url || !source) {
    child.kill();
    throw new Error(`ProfileQL did not start: ${banner}${log}`);
  }
  return {
    url,
    source,
    async faults(...rules) {
      const response = await fetch(`${source}/faults`, { method: "PUT", body: JSON.stringify({ rules }) });
      if (!response.ok) throw new Error(`faults: ${response.status} ${await response.text()}`);
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGINT");
      await once(child, "exit");
    },
  };
}

/** Notes the name of each operation that goes through its fetch, which a client takes in place of the global one. */
export function recorder() {
  const operations: string[] = [];
  return {
    operations,
    fetch: ((input, init) => {
      const { operationName, query } = JSON.parse(String(init?.body)) as { operationName?: string; query?: string };
      operations.push(operationName ?? /(?:query|mutation)\s+(\w+)/.exec(query ?? "")?.[1] ?? "");
      return fetch(input, init);
    }) as typeof fetch,
  };
}

/** How long is waited for what has to come, in milliseconds: far longer than a busy machine takes. */
export const patience = 120_000;

/** Waits until a check holds that a while ago may not have. */
export const eventually = <T,>(check: () => T): Promise<T> => vi.waitFor(check, patience);

/** An interest of the sandbox that can be changed, and one that belongs to another system, so that its source refuses. */
export const sample = "5f1d8c8e-6a0b-4c57-9d2f-1b7c3a90e4d1";
export const locked = "c07b3e52-94d1-4f6a-8e3b-2d5a7f10b8c6";
