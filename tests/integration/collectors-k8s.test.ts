/** The k8s collector with a real HTTPS server that requests a client certificate, as a kubelet does. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { k8sCollector } from "../../packages/agent/src/collectors/k8s/k8s.js";
import type { KubeletOptions } from "../../packages/agent/src/collectors/k8s/kubelet.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { newFolder } from "../support/folders.js";
import { type Listening, listen } from "../support/listening.js";

const SUMMARY = JSON.stringify({
  node: { nodeName: "pi4", fs: { inodesFree: 0 } },
  pods: [{ podRef: { name: "web-1", namespace: "default" }, memory: { rssBytes: 100, usageBytes: 300 } }],
});
const TOKEN = "a-token-of-the-service-account";

let folder: Awaited<ReturnType<typeof newFolder>>;
let server: Listening;
/** What the server answers, and how clients showed who they are. */
let answer: { status: number; body: string };
let seen: { subject: string | undefined; authorization: string | undefined; path: string | undefined }[];

beforeAll(async () => {
  folder = await newFolder();
  makeAuthority("cluster");
  makeAuthority("stranger");
  makeCertificate("kubelet", "cluster", "subjectAltName=IP:127.0.0.1,DNS:pi4");
  makeCertificate("nameless", "cluster", "subjectAltName=DNS:pi4");
  makeCertificate("agent", "cluster", "extendedKeyUsage=clientAuth");
  makeCertificate("intruder", "stranger", "extendedKeyUsage=clientAuth");
  const account = join(folder.path, "account");
  await mkdir(account);
  await writeFile(join(account, "token"), `${TOKEN}\n`);
  await writeFile(join(account, "ca.crt"), readFileSync(file("cluster.crt")));
  server = await serve("kubelet");
});
afterAll(async () => {
  await server.stop();
  await folder.remove();
});
beforeEach(() => {
  answer = { status: 200, body: SUMMARY };
  seen = [];
});

function file(name: string): string {
  return join(folder.path, name);
}

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: folder.path, stdio: "pipe" });
}

function makeAuthority(name: string): void {
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "1",
    "-subj",
    `/CN=${name}`,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.crt`,
  );
}

function makeCertificate(name: string, authority: string, extension: string): void {
  execFileSync("sh", ["-c", `printf '%s' '${extension}' > ${name}.ext`], { cwd: folder.path });
  openssl(
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    `/CN=${name}`,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
  );
  openssl(
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    "-CA",
    `${authority}.crt`,
    "-CAkey",
    `${authority}.key`,
    "-CAcreateserial",
    "-days",
    "1",
    "-extfile",
    `${name}.ext`,
    "-out",
    `${name}.crt`,
  );
}

/**
 * Accepts clients with a certificate of the cluster or the token; like a kubelet, it requests the first but doesn't
 * require it.
 */
function serve(certificate: string): Promise<Listening> {
  const tls = {
    cert: readFileSync(file(`${certificate}.crt`)),
    key: readFileSync(file(`${certificate}.key`)),
    ca: readFileSync(file("cluster.crt")),
    requestCert: true,
    rejectUnauthorized: false,
  };
  const created = createServer(tls, (request, response) => {
    const socket = request.socket as import("node:tls").TLSSocket;
    const { authorization } = request.headers;
    const subject = socket.getPeerCertificate().subject?.CN?.toString();
    seen.push({ subject, authorization, path: request.url });
    const isKnown = socket.authorized || authorization === `Bearer ${TOKEN}`;
    response.writeHead(isKnown ? answer.status : 401).end(isKnown ? answer.body : "Unauthorized");
  });
  return listen(created);
}

function collect(options: Partial<KubeletOptions>) {
  const host = "127.0.0.1";
  const collector = k8sCollector(
    { host, port: server.port, insecure: false, serviceAccount: "/nowhere", ...options },
    { pods: ["memory"], node: ["inodes"] },
  );
  const round = { clock: systemClock, signal: AbortSignal.timeout(10_000), report: () => {} };
  return Promise.resolve(collector.collect(round)).finally(() => collector.close?.());
}

const CLIENT = () => ({
  certPath: file("agent.crt"),
  keyPath: file("agent.key"),
  caPath: file("cluster.crt"),
});

describe("the k8s collector", () => {
  it("shows its client certificate, verifies the kubelet's, and reads the summary", async () => {
    const metrics = await collect(CLIENT());
    expect(seen).toEqual([{ subject: "agent", authorization: undefined, path: "/stats/summary" }]);
    expect(metrics.map(({ name, value, tags }) => [name, value, tags])).toEqual([
      ["Chouette.k8s.node.fs.inodesFree", 0, { node_name: "pi4" }],
      ["Chouette.k8s.pod.memory.rssBytes", 100, { namespace: "default", pod_name: "web-1" }],
      ["Chouette.k8s.pod.memory.usageBytes", 300, { namespace: "default", pod_name: "web-1" }],
      ["Chouette.k8s.pods.running", 1, undefined],
    ]);
  });

  it("finds token and authority of the service account by itself", async () => {
    expect(await collect({ serviceAccount: file("account") })).toHaveLength(4);
    expect(seen).toEqual([{ subject: undefined, authorization: `Bearer ${TOKEN}`, path: "/stats/summary" }]);
  });

  it("asks nothing of a kubelet whose certificate it can't verify", async () => {
    await expect(collect({ ...CLIENT(), caPath: file("stranger.crt") })).rejects.toThrow(
      /certificate|signature/,
    );
    await expect(collect({ ...CLIENT(), caPath: undefined })).rejects.toThrow(/certificate|issuer/);
    expect(seen).toEqual([]);
  });

  it("believes an unverified kubelet only where told so", async () => {
    expect(await collect({ ...CLIENT(), caPath: undefined, insecure: true })).toHaveLength(4);
  });

  it("says which answer it got where it is not let in", async () => {
    const intruder = {
      certPath: file("intruder.crt"),
      keyPath: file("intruder.key"),
      caPath: file("cluster.crt"),
    };
    await expect(collect(intruder)).rejects.toThrow("the kubelet answered 401");
  });

  it("fails where the answer is no summary, and where certificates or the kubelet are not there", async () => {
    answer = { status: 200, body: "{}" };
    await expect(collect(CLIENT())).rejects.toThrow("isn't a kubelet's summary");
    await expect(collect({ ...CLIENT(), certPath: file("missing.crt") })).rejects.toThrow("ENOENT");
    await expect(collect({ ...CLIENT(), port: 1 })).rejects.toThrow("ECONNREFUSED");
  });

  it("reads a renewed certificate without a new start", async () => {
    await rename(file("agent.crt"), file("agent.old"));
    const collector = k8sCollector(
      { host: "127.0.0.1", port: server.port, insecure: false, serviceAccount: "/nowhere", ...CLIENT() },
      { pods: [], node: [] },
    );
    const round = () => ({ clock: systemClock, signal: AbortSignal.timeout(10_000), report: () => {} });
    await expect(collector.collect(round())).rejects.toThrow("ENOENT");
    await rename(file("agent.old"), file("agent.crt"));
    expect(await collector.collect(round())).toHaveLength(1);
    await collector.close?.();
  });

  it("verifies the certificate against the name it was told, where that isn't the address", async () => {
    const { port, stop } = await serve("nameless");
    await expect(collect({ ...CLIENT(), port })).rejects.toThrow("127.0.0.1");
    expect(await collect({ ...CLIENT(), port, serverName: "pi4" })).toHaveLength(4);
    await stop();
  });
});
