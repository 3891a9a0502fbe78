/**
 * Bytes on the wire rather than of bodies: counted by a TCP proxy between the agent's sender and a stand-in for
 * Datadog, over TLS.
 *
 *   npx tsc -b packages/agent && node bench/measurements/link.mjs [--json]
 *
 * The certificates are two RSA keys of 2,048 bits, as with most intakes. The headers of IP and TCP aren't included.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HttpSender } from "../../packages/agent/dist/outputs/http.js";
import { startDispatching } from "../support/dispatching.mjs";
import { portOf } from "../support/server.mjs";
import { sparseCounters } from "../workloads/counters.mjs";
import { hostAfterOutage } from "../workloads/host.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The body of a host's minute, and of a small release. */
const MINUTE = 593;
const SMALL = 256;
const KEY = "0123456789abcdef0123456789abcdef";

const folder = mkdtempSync(join(tmpdir(), "chouette-link-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

/**
 * The statuses are answered in turn, by each protocol.
 *
 * @param {"http/1.1" | "h2"} protocol
 * @param {readonly number[]} statuses
 * @param {(link: { url: string, connection: object, counts: { up: number, down: number, connections: number } }) => Promise<unknown>} send
 */
async function measure(protocol, statuses, send) {
  const counts = { up: 0, down: 0, connections: 0 };
  let asked = 0;
  const answer = (response) => {
    response.writeHead(statuses[asked++ % statuses.length], { "content-type": "application/json" });
    response.end('{"errors":[]}');
  };
  const intake =
    protocol === "h2"
      ? createSecureServer(credentials, (request, response) =>
          request.resume().on("end", () => answer(response)),
        )
      : createHttpsServer(credentials, (request, response) =>
          request.resume().on("end", () => answer(response)),
        );
  const intakePort = await listening(intake);
  const proxy = createServer((client) => {
    counts.connections += 1;
    const target = connect(intakePort, "127.0.0.1");
    client.on("data", (data) => {
      counts.up += data.length;
    });
    target.on("data", (data) => {
      counts.down += data.length;
    });
    client.pipe(target).pipe(client);
    for (const socket of [client, target]) socket.on("error", () => socket.destroy());
  });
  const port = await listening(proxy);
  const certificateAuthority = readFileSync(join(folder, "ca.pem"), "utf8");
  await send({ url: `https://localhost:${port}`, connection: { certificateAuthority }, counts });
  proxy.close();
  intake.close();
  return counts;
}

/** Requests with bodies of these sizes; the bytes of the first, of the last, and of all. */
async function measureBodies(protocol, statuses, sizes) {
  const each = [];
  const all = await measure(protocol, statuses, async ({ url, connection, counts }) => {
    const sender = new HttpSender(connection);
    for (const size of sizes) {
      const before = { ...counts };
      await sender.send({
        ...{ url: `${url}/api/v2/series`, purpose: "metrics", method: "POST", body: randomBytes(size) },
        headers: { "DD-API-KEY": KEY, "Content-Type": "application/x-protobuf", "Content-Encoding": "zstd" },
      });
      each.push({ up: counts.up - before.up, down: counts.down - before.down });
    }
    await sender.close();
  });
  return { ...all, last: each.at(-1), first: each[0] };
}

/** Six hours without a link, by what waits at their end. */
const OUTAGES = {
  "a host's": hostAfterOutage(1, 6).releases,
  "400 counters'": [afterOutage(sparseCounters(1, 6))],
};

/** BACKLOG_RESOLUTION. */
const RESOLUTIONS = {
  "": undefined,
  ", 1h:60": [{ age: 3_600, step: 60 }],
  ", 1h:60,3h:300": [
    { age: 3_600, step: 60 },
    { age: 10_800, step: 300 },
  ],
};

function afterOutage({ releases }) {
  return { at: releases.at(-1).at, records: releases.flatMap(({ records }) => records) };
}

/** What six hours left is sent at once by the agent's dispatcher. */
function measureOutage(protocol, seriesVersion, releases, resolutions) {
  return measure(protocol, [202], async ({ url, connection }) => {
    const dispatching = await startDispatching({ root, name: "this", revision: "" }, "metrics", {
      url,
      connection,
      seriesVersion,
      resolutions,
    });
    for (const { at, records } of releases) await dispatching.release(at, records);
    await dispatching.close();
  });
}

function randomBytes(length) {
  return Uint8Array.from({ length }, (_, index) => (index * 2_654_435_761) >>> 24);
}

function certificates() {
  const run = (args) => execFileSync("openssl", args.split(" "), { cwd: folder, stdio: "pipe" });
  const common = "-days 2 -newkey rsa:2048 -nodes";
  run(`req -x509 ${common} -keyout ca.key -out ca.pem -subj /CN=Test-Authority`);
  run(
    `req -x509 ${common} -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost`,
  );
  const read = (name) => readFileSync(join(folder, name));
  return { key: read("server.key"), cert: Buffer.concat([read("server.pem"), read("ca.pem")]) };
}

/** @param {import("node:net").Server} server @returns {Promise<number>} its port */
function listening(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server))));
}

const credentials = certificates();
const figures = {};
for (const protocol of ["http/1.1", "h2"]) {
  const minute = await measureBodies(protocol, [202], [MINUTE, MINUTE, MINUTE]);
  const flaky = await measureBodies(
    protocol,
    [202, 503],
    Array.from({ length: 18 }, () => SMALL),
  );
  const row = (name, { up, down, connections }) => {
    figures[`${name}, ${protocol}`] = { up, down, sum: up + down, connections };
  };
  row("a host's minute, kept connection", minute.last);
  row("a host's minute, first connection", minute.first);
  row("18 requests, every second one answered 503", flaky);
  for (const version of ["v2", "v3"])
    for (const [whose, releases] of Object.entries(OUTAGES))
      for (const [thinned, resolutions] of Object.entries(RESOLUTIONS))
        row(
          `${whose} 6 hours after an outage, series ${version}${thinned}`,
          await measureOutage(protocol, version, releases, resolutions),
        );
}
if (process.argv.includes("--json")) console.log(JSON.stringify(figures, undefined, 2));
else console.table(figures);
process.exit();
