/** HTTPS before an HTTP server, with a certificate for `localhost` by an authority of its own. Needs openssl. */
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { newFolder } from "./folders.js";

export interface HttpsFront {
  readonly url: string;
  /** The file with the authority's certificate. */
  readonly authority: string;
  stop(): Promise<void>;
}

/** @param behind the server that everything is handed on to, without a path */
export async function startHttpsFront(behind: string): Promise<HttpsFront> {
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
  const server = createServer(credentials, (incoming, response) => {
    const { method, url, headers } = incoming;
    const onward = request(behind + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    authority: file("ca.pem"),
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await folder.remove();
    },
  };
}
