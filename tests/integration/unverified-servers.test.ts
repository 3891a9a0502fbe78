/** No password goes to a server whose certificate can't be verified, whatever NODE_TLS_REJECT_UNAUTHORIZED says. */
import { createServer } from "node:tls";
import { RedisStore } from "@chouette-iot/queue/redis";
import { newConnection, parsedAddress } from "@chouette-iot/queue/redis/connection";
import { milliseconds } from "@chouette-iot/record";
import { ChouetteClient } from "chouette-iot-client";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { Collector } from "../../packages/agent/src/collectors/collector.js";
import { mqttCollector } from "../../packages/agent/src/collectors/mqtt/mqtt.js";
import { redisCollector } from "../../packages/agent/src/collectors/redis/redis.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { type Certificates, newCertificates, readPem } from "../support/certificates.js";
import { type Listening, listen } from "../support/listening.js";
import { until } from "../support/until.js";

/** Accepts any connection and records what it receives. */
let pretender: Listening;
let certificates: Certificates;
let received = "";
let serverNames: string[] = [];

beforeAll(async () => {
  certificates = await newCertificates();
  const { cert, key } = certificates.server;
  const SNICallback = (name: string, done: (error: null) => void) => {
    serverNames.push(name);
    done(null);
  };
  const server = createServer(
    { cert: await readPem(cert), key: await readPem(key), SNICallback },
    (socket) => {
      socket
        .on("error", () => {})
        .on("data", (chunk: Buffer) => {
          received += chunk.toString("latin1");
        });
    },
  );
  pretender = await listen(server.on("tlsClientError", () => {}));
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await pretender.stop();
  await certificates.remove();
});
beforeEach(() => {
  received = "";
  serverNames = [];
});

async function roundOf(collector: Collector): Promise<string> {
  const problems: string[] = [];
  const report = (problem: string) => void problems.push(problem);
  try {
    await collector.collect({ clock: systemClock, signal: AbortSignal.timeout(2_000), report });
    return problems.join();
  } catch (error) {
    return String(error);
  } finally {
    await collector.close?.();
  }
}

/** Each connects with this login, and returns the error. */
const CONNECTIONS: Readonly<Record<string, (login: string) => Promise<string>>> = {
  "the agent's store": async (login) => {
    const patience = { pingInterval: milliseconds(500), answerTimeout: milliseconds(1_000) };
    const reasons: string[] = [];
    const onDisconnected = ({ message }: Error) => void reasons.push(message);
    const store = new RedisStore({ url: `rediss://${login}`, patience, onDisconnected });
    await until("the connection to fail", () => reasons.length > 0);
    await store.close();
    return reasons.join();
  },
  "a single connection": async (login) => {
    const connection = newConnection(parsedAddress({ url: `rediss://${login}` }));
    connection.on("error", () => {});
    return connection.connect().then(() => "connected", String);
  },
  "the redis collector": (login) => roundOf(redisCollector([{ url: `rediss://${login}` }])),
  "the mqtt collector": (login) => roundOf(mqttCollector(`mqtts://${login}`)),
  "the client": async (login) => {
    const client = new ChouetteClient({ url: `rediss://${login}` });
    const failed = new Promise<string>((resolve) => client.on("error", (error) => resolve(String(error))));
    client.increment("m");
    const reason = await failed;
    await client.close({ timeoutMs: 1 });
    return reason;
  },
};

it.each(Object.entries(CONNECTIONS))("%s sends it no password", async (_, connect) => {
  const { port } = pretender;
  expect(await connect(`user:secret@localhost:${port}`)).toMatch(/certificate|self.signed/i);
  expect(received).toBe("");
});

it("the mqtt collector gives a server its name, but never its address (RFC 6066, 3)", async () => {
  const { port } = pretender;
  await roundOf(mqttCollector(`mqtts://localhost:${port}`));
  expect(serverNames).toEqual(["localhost"]);
  await roundOf(mqttCollector(`mqtts://127.0.0.1:${port}`));
  expect(serverNames).toEqual(["localhost"]);
});
