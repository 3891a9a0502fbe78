/** The client with other brokers: the agent's embedded one, and Redis over TLS. */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { queueNames } from "@chouette-iot/queue";
import type { EmbeddedStore } from "@chouette-iot/queue/embedded";
import { ChouetteClient } from "chouette-iot-client";
import { expect, test } from "vitest";
import { startTestBroker } from "../support/broker.js";
import { startCuttingProxy } from "../support/cutting-proxy.js";
import { newFolder } from "../support/folders.js";
import { reservedPort } from "../support/ports.js";
import { run } from "../support/running.js";
import { until } from "../support/until.js";

/** Removes records as they arrive, as the agent does, and counts each. */
async function takeAll(
  store: EmbeddedStore,
  taken: Map<string, number>,
  isEnough: () => boolean,
): Promise<void> {
  const queue = queueNames().rawMetrics;
  while (!isEnough()) {
    const records = await store.read(queue, { limit: 500 });
    for (const { value = "" } of records) taken.set(value, (taken.get(value) ?? 0) + 1);
    await store.settle({ remove: [{ queue, records }] });
    await sleep(1);
  }
}

test("at the embedded broker, too, a record whose answer was lost is counted once", async () => {
  const broker = await startTestBroker();
  const proxy = await startCuttingProxy(broker.port, () => Math.random() < 0.2);
  const client = new ChouetteClient({
    port: proxy.port,
    answerTimeoutMs: 60_000,
    bufferRecords: 1e7,
    bufferBytes: 1e9,
  });
  const answers = new Set<Promise<boolean>>();
  const taken = new Map<string, number>();
  let calls = 0;
  let calm = false;
  const taking = takeAll(broker.store, taken, () => calm && taken.size === calls);
  await until(
    "five connections to be cut",
    () => {
      for (let call = 0; call < 200; call++) answers.add(client.gauge("m", calls, { timestamp: calls++ }));
      return proxy.cuts() >= 5;
    },
    60_000,
  );
  proxy.calm();
  calm = true;
  expect(await Promise.all(answers)).not.toContain(false);
  await taking;
  expect(new Set(taken.values())).toEqual(new Set([1]));
  await client.close();
  await proxy.stop();
  await broker.stop();
}, 120_000);

test("rediss:// with a certificate that the process trusts, and not with another", async () => {
  const folder = await newFolder();
  const [key, certificate] = [join(folder.path, "key.pem"), join(folder.path, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  const names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  execFileSync("openssl", [...request, ...names, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  const port = await reservedPort();
  const tls = ["--tls-port", `${port}`, "--port", "0", "--tls-auth-clients", "no", "--bind", "127.0.0.1"];
  const files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate];
  const server = run("redis-server", [...tls, ...files, "--requirepass", "pass word", "--save", ""]);
  await server.wrote("Ready to accept connections");
  const entry = fileURLToPath(new URL("../../packages/client/dist/index.js", import.meta.url));
  const program = join(folder.path, "program.mjs");
  await writeFile(
    program,
    `import { ChouetteClient } from ${JSON.stringify(entry)};
     const client = new ChouetteClient({ answerTimeoutMs: 5_000, exitTimeoutMs: 20_000 });
     console.log(await client.count("m", 1, { timestamp: 1 }), client.stats().lastError?.message);
     await client.close({ timeoutMs: 1 });`,
  );
  const url = `rediss://default:pass%20word@127.0.0.1:${port}/2`;
  const trusting = run(process.execPath, [program], {
    env: { REDIS_URL: url, NODE_EXTRA_CA_CERTS: certificate },
  });
  expect(await trusting.ended).toBe(0);
  expect(trusting.output()).toBe("true undefined\n");
  const wary = run(process.execPath, [program], { env: { REDIS_URL: url, NODE_EXTRA_CA_CERTS: undefined } });
  expect(await wary.ended).toBe(0);
  expect(wary.output()).toMatch(/^false .*self-signed certificate/);
  await server.end("SIGKILL");
  await folder.remove();
});
