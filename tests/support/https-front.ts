/**
 * HTTPS, with HTTP/2 or 1.1, in front of an HTTP server, with a certificate for `localhost` from a separate authority.
 * Needs openssl.
 */
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { newFolder } from "./folders.js";

export interface HttpsFront {
  readonly url: string;
  /** The file with the authority's certificate. */
  readonly authority: string;
  stop(): Promise<void>;
}

/** Headers of the connection, not of the request or its answer. */
const HOP_BY_HOP: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding"]);

/**
 * @param behind the server that everything is handed on to, without a path
 * @param options `http2`: whether it is spoken with those who can; by default it is
 */
export async function startHttpsFront(behind: string, { http2 = true } = {}): Promise<HttpsFront> {
  const folder = await newFolder();
  const file = (name: string) => join(folder.path, name);
  const openssl = (args: string) => {
    const { status, stderr } = spawnSync("openssl", args.split(" "), { cwd: folder.path, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const days = "-days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  openssl(`req -x509 ${days} -keyout ca.key -out ca.pem -subj /CN=Test-Authority`);
  openssl(
    `req -x509 ${days} -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost`,
  );
  const credentials = { key: await readFile(file("server.key")), cert: await readFile(file("server.pem")) };
  const handOn = (
    incoming: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ) => {
    const { method, url, headers } = incoming;
    const onward = request(behind + url, { method, headers: passed(headers) }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, passed(answer.headers));
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  };
  const server = http2
    ? createSecureServer({ ...credentials, allowHTTP1: true }, handOn)
    : createServer(credentials, handOn);
  server.on("tlsClientError", () => {});
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    authority: file("ca.pem"),
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      await folder.remove();
    },
  };
}

function passed(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(":") && !HOP_BY_HOP.has(name)),
  );
}
