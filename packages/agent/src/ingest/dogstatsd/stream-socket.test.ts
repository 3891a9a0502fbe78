/** Invariant: complete packets are processed, however a connection ends; connections and their memory are bounded. */
import { once } from "node:events";
import { lstat, readFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../../tests/support/clean-ups.js";
import { newFolder } from "../../../../../tests/support/folders.js";
import { run } from "../../../../../tests/support/running.js";
import { until } from "../../../../../tests/support/until.js";
import { newStatsdCounters } from "./counters.js";
import { openStreamSocket } from "./stream-socket.js";

const cleanUps = cleanUpsAfterEach();

async function open(path?: string) {
  const texts: string[] = [];
  const counters = newStatsdCounters();
  const address =
    path === undefined
      ? ({ kind: "tcp", host: "127.0.0.1", port: 0 } as const)
      : ({ kind: "unixstream", path } as const);
  const socket = await openStreamSocket(address, (packet) => void texts.push(packet.toString()), counters);
  cleanUps.push(() => socket.close());
  return { socket, texts, counters, to: path ?? Number(/:(\d+)$/.exec(socket.shown)?.[1]) };
}

async function client(to: string | number): Promise<Socket> {
  const socket = typeof to === "string" ? connect(to) : connect(to, "127.0.0.1");
  cleanUps.push(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

async function newPath(): Promise<string> {
  const folder = await newFolder();
  cleanUps.push(() => folder.remove());
  return join(folder.path, "statsd.sock");
}

function prefixed(text: string): Buffer {
  const packet = Buffer.from(`....${text}`);
  packet.writeUInt32LE(text.length);
  return packet;
}

it("takes whole lines as they come over TCP, and the last one at the end", async () => {
  const { socket, texts, counters, to } = await open();
  expect(socket.shown).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
  const [one, other] = [await client(to), await client(to)];
  one.write("a:1|c\nb:");
  await until("the first line", () => texts.length === 1);
  other.write("c:3|c\n");
  await until("the other's line", () => texts.length === 2);
  expect(counters.connections).toBe(2);
  one.end("2|c");
  await until("the last line", () => texts.length === 3);
  expect(texts).toEqual(["a:1|c\n", "c:3|c\n", "b:2|c"]);
  await until("it to be gone", () => counters.connections === 1);
  expect(counters.closedConnections).toBe(0);
});

it("ends its connections when it is closed, and doesn't listen any more", async () => {
  const { socket, counters, to } = await open();
  const connected = await client(to);
  const closed = once(connected, "close");
  connected.resume();
  await until("it to be accepted", () => counters.connections === 1);
  await socket.close();
  await closed;
  await until("it to be gone", () => counters.connections === 0);
  await expect(client(to)).rejects.toThrow(/ECONNREFUSED/);
});

it("outlives a client that resets its connection", async () => {
  const { texts, counters, to } = await open();
  const rude = await client(to);
  rude.write("a:1|c\n");
  await until("its line", () => texts.length === 1);
  rude.resetAndDestroy();
  await until("it to be gone", () => counters.connections === 0);
  (await client(to)).end("b:1|c\n");
  await until("another's line", () => texts.length === 2);
});

it("takes packets with a length over a Unix socket to which programs of every user may write", async () => {
  const path = await newPath();
  const { socket, texts } = await open(path);
  expect(socket.shown).toBe(`unixstream://${path}`);
  expect((await lstat(path)).mode & 0o777).toBe(0o722);
  const sender = await client(path);
  const bytes = Buffer.concat([prefixed("a:1|c"), prefixed(""), prefixed("b:2|c"), prefixed("never whole")]);
  sender.write(bytes.subarray(0, 6));
  await new Promise(setImmediate);
  sender.end(bytes.subarray(6, -3));
  await until("two packets", () => texts.length === 2);
  expect(texts).toEqual(["a:1|c", "b:2|c"]);
});

it("closes a connection whose packet would be too long, and counts it", async () => {
  const { texts, counters, to } = await open(await newPath());
  const [liar, honest] = [await client(to), await client(to)];
  const closed = once(liar, "close");
  liar.resume();
  liar.write(Buffer.from([0, 0, 2, 0, 1]));
  await closed;
  expect(counters.closedConnections).toBe(1);
  honest.write(prefixed("a:1|c"));
  await until("the other's packet", () => texts.length === 1);
});

it("accepts 256 connections, and another one when one of them has gone", async () => {
  const { texts, counters, to } = await open();
  const clients: Socket[] = [];
  for (let number = 0; number < 256; number++) clients.push(await client(to));
  await until("all to be accepted", () => counters.connections === 256);
  const refused = await client(to);
  refused.resume();
  if (!refused.closed) await once(refused, "close");
  expect([counters.connections, counters.closedConnections]).toEqual([256, 1]);
  clients[0]?.destroy();
  await until("it to be gone", () => counters.connections === 255);
  (await client(to)).write("a:1|c\n");
  await until("its line", () => texts.length === 1);
  expect(counters.closedConnections).toBe(1);
});

it("replaces the file of a socket that nobody listens on", async () => {
  const path = await newPath();
  const killed = run("python3", [
    "-c",
    `import socket; socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind(${JSON.stringify(path)})`,
  ]);
  expect(await killed.ended).toBe(0);
  const { texts } = await open(path);
  (await client(path)).write(prefixed("a:1|c"));
  await until("its packet", () => texts.length === 1);
});

it("leaves a path to the program that listens there, and a file that isn't a socket as it is", async () => {
  const path = await newPath();
  const { texts, counters } = await open(path);
  await expect(open(path)).rejects.toThrow(/EADDRINUSE/);
  await until("the other's attempt to be over", () => counters.connections === 0);
  (await client(path)).write(prefixed("a:1|c"));
  await until("its packet", () => texts.length === 1);
  const file = await newPath();
  await writeFile(file, "precious");
  await expect(open(file)).rejects.toThrow(/EADDRINUSE/);
  expect(await readFile(file, "utf8")).toBe("precious");
});
