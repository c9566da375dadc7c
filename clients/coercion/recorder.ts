// A source that takes everything, and notes what it was asked.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Asked } from "./wire";

export interface Recorder {
  /** The address of each source, in front of its name. */
  url: string;
  /** What was asked since, by a request with this client-request-id. */
  take(id: string): (Asked & { raw: string })[];
  stop(): Promise<void>;
}

export async function record(): Promise<Recorder> {
  const asked = new Map<string, (Asked & { raw: string })[]>();
  const server = createServer((request, response) => {
    void note(request).then(({ id, ...one }) => {
      asked.set(id, [...(asked.get(id) ?? []), one]);
      const item = { id: "made" };
      const answer = one.orderBy === undefined ? item : { value: [] };
      response.writeHead(one.method === "DELETE" ? 204 : 200, { "Content-Type": "application/json" });
      response.end(one.method === "DELETE" ? undefined : JSON.stringify(answer));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take(id) {
      const found = asked.get(id) ?? [];
      asked.delete(id);
      return found;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function note(request: IncomingMessage): Promise<Asked & { id: string; raw: string }> {
  const raw = await text(request);
  const [path = "", query] = (request.url ?? "").split("?");
  const options = new URLSearchParams(query);
  const [, source = "", ...rest] = path.split("/");
  const orderBy = options.get("$orderby");
  return {
    id: String(request.headers["client-request-id"]),
    raw,
    source,
    method: request.method ?? "",
    path: `/${rest.map(decodeURIComponent).join("/")}`,
    ...(orderBy !== null && { orderBy, top: Number(options.get("$top")) }),
    ...(raw !== "" && { body: JSON.parse(raw) as unknown }),
  };
}
