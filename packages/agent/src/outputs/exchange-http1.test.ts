import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { HttpSender } from "./http.js";

it("a request has no header that can be spared, and its connection is used for the next", async () => {
  const seen: { readonly port: number | undefined; readonly headers: readonly string[] }[] = [];
  const server = createServer((request, response) => {
    seen.push({
      port: request.socket.remotePort,
      headers: request.rawHeaders.filter((_, index) => index % 2 === 0),
    });
    request.resume().on("end", () => response.writeHead(202).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sender = new HttpSender();
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v2/series`;
    for (let sent = 0; sent < 3; sent++) {
      const outcome = await sender.send({
        ...{ url, purpose: "metrics", method: "POST", body: new Uint8Array(100) },
        headers: { "DD-API-KEY": "0", "Content-Type": "application/json" },
      });
      expect(outcome).toEqual({ kind: "delivered", bytes: 100 });
    }
    expect(seen.map(({ headers }) => headers)).toEqual(
      Array.from({ length: 3 }, () => ["DD-API-KEY", "Content-Type", "Content-Length", "Host"]),
    );
    expect(new Set(seen.map(({ port }) => port)).size).toBe(1);
  } finally {
    await sender.close();
    server.close();
  }
});
