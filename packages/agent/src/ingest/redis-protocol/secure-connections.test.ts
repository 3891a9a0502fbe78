/** TLS on the embedded broker's port: which clients are accepted with and without it. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds } from "@chouette-iot/record";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestBroker, type TestBroker } from "../../../../../tests/support/broker.js";
import { type Certificates, newCertificates, readPem } from "../../../../../tests/support/certificates.js";
import { listen } from "../../../../../tests/support/listening.js";
import { ownAddress } from "../../../../../tests/support/own-address.js";
import { openGateway } from "../../outputs/gateway.js";
import { gatewayAddress } from "../../outputs/gateway-address.js";
import type { Resumed } from "../../outputs/output.js";
import { secureConnections } from "./secure-connections.js";

let certificates: Certificates;
let broker: TestBroker;

beforeAll(async () => {
  certificates = await newCertificates();
  const { authority, server } = certificates;
  broker = await startTestBroker({
    loginTimeout: milliseconds(300),
    tls: {
      cert: await readPem(server.cert),
      key: await readPem(server.key),
      clientCa: await readPem(authority),
    },
  });
});

afterAll(async () => {
  await broker.stop();
  await certificates.remove();
});

/** @param scheme of the address; @param hasCertificate of its own */
async function resume(
  scheme: string,
  hasCertificate: boolean,
  authority?: string,
): Promise<Resumed | undefined> {
  const { client } = certificates;
  const address = await gatewayAddress({
    gatewayUrl: `${scheme}://localhost:${broker.port}`,
    gatewayCaFile: authority,
    tlsCert: hasCertificate ? client.cert : undefined,
    tlsKey: hasCertificate ? client.key : undefined,
  });
  const { logs } = openGateway({ address, hostName: () => "device" });
  const resumed = await logs.resume?.("12345678");
  await logs.close();
  return resumed;
}

it("lets a client in that has a certificate, and a program of this device without TLS", async () => {
  expect(await resume("rediss", true, certificates.authority)).toEqual({ kind: "resumed", accepted: [] });
  expect(await resume("redis", false)).toEqual({ kind: "resumed", accepted: [] });
});

it("refuses a client without a certificate, and isn't trusted by one that doesn't know the authority", async () => {
  expect(await resume("rediss", false, certificates.authority)).toMatchObject({ kind: "unavailable" });
  expect(await resume("rediss", true)).toMatchObject({
    kind: "unavailable",
    reason: expect.stringMatching(/certificate/),
  });
});

it("answers a program of this device that has closed its side after a request", async () => {
  const socket = connect({ port: broker.port, host: "127.0.0.1", allowHalfOpen: true });
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.end("PING\r\n");
  await once(socket, "end");
  expect(answer).toBe("+PONG\r\n");
});

it("outlives whatever else a client sends first", async () => {
  for (const bytes of ["\x16", "\x16\x03\x01\x00\x05hello", "\x16\x03\x01".padEnd(9_000, "x"), "\0\0\0"]) {
    const socket = connect(broker.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.end(bytes, "latin1");
    socket.resume();
    await once(socket, "close");
  }
  expect(await resume("rediss", true, certificates.authority)).toMatchObject({ kind: "resumed" });
});

it("limits the connections before the end of their handshake, and doesn't wait for them when it closes", async () => {
  const { server } = certificates;
  const tls = { cert: await readPem(server.cert), key: await readPem(server.key), clientCa: undefined };
  const limited = await startTestBroker({ tls, maxConnections: 3 });
  const ends: Promise<string>[] = [];
  for (const [index, text] of ["", "\x16", "\x16\x03\x01", ""].entries()) {
    const socket = connect(limited.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    ends.push(once(socket, "close").then(() => `${index}`));
    await once(socket, "connect");
    socket.write(text, "latin1");
  }
  expect(await Promise.race([...ends, sleep(5_000)])).toBe("0");
  expect(limited.counters).toMatchObject({ connections: 0, closedIdle: 1 });
  const stopped = limited.stop().then(() => "stopped");
  expect(await Promise.race([stopped, sleep(5_000)])).toBe("stopped");
  await Promise.all(ends);
});

it("turns away a client on another machine that doesn't use TLS, and one that says nothing", async () => {
  const { server } = certificates;
  const events: string[] = [];
  const secure = secureConnections(
    { cert: await readPem(server.cert), key: await readPem(server.key), clientCa: undefined },
    {
      accept: () => events.push("accepted"),
      turnAway: (socket) => {
        events.push("turned away");
        socket.destroy();
      },
      onDisplaced: () => {},
      handshakeTimeout: milliseconds(100),
      maxWaiting: 10,
    },
  );
  const listener = createServer((socket: Socket) => {
    Object.defineProperty(socket, "remoteAddress", { value: "10.0.0.7" });
    secure.take(socket);
  });
  const { port, stop } = await listen(listener);
  for (const text of ["PING\r\n", ""]) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    if (text !== "") socket.write(text);
    await once(socket, "close");
  }
  expect(events).toEqual(["turned away"]);
  await stop();
});

it("says to a client on another machine that it needs TLS", async () => {
  const { server } = certificates;
  const tls = { cert: await readPem(server.cert), key: await readPem(server.key), clientCa: undefined };
  const beyond = await startTestBroker({ host: "0.0.0.0", tls, password: "secret" });
  const socket = connect(beyond.port, ownAddress());
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.write("PING\r\n");
  await once(socket, "close");
  expect(answer).toMatch(/^-DENIED [^\r]* TLS [^\r]*\r\n$/);
  expect(beyond.counters).toMatchObject({ deniedConnections: 1, connections: 0 });
  await beyond.stop();
});
