/** The embedded broker's memory and connections: no client, however careless, takes those of another. */
import { milliseconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import {
  startTestBroker,
  type TestBroker,
  type TestBrokerOptions,
} from "../../../../../tests/support/broker.js";
import { cleanUpsAfterEach } from "../../../../../tests/support/clean-ups.js";
import { ManualClock } from "../../../../../tests/support/manual-clock.js";
import { ownAddress } from "../../../../../tests/support/own-address.js";
import { ask, connectRaw, type RawRedis, request, storing } from "../../../../../tests/support/raw-redis.js";
import { until } from "../../../../../tests/support/until.js";
import { RequestParser } from "./request-parser.js";

const QUEUE = "chouette:metrics:raw";
const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

const cleanUps = cleanUpsAfterEach();
async function start(options: TestBrokerOptions): Promise<TestBroker> {
  const broker = await startTestBroker(options);
  cleanUps.push(() => broker.stop());
  return broker;
}

async function connect(port: number): Promise<RawRedis> {
  const client = await connectRaw(port);
  cleanUps.push(() => client.socket.destroy());
  return client;
}

/** A client that sends only this, and stays connected. */
async function hold(port: number, bytes: string): Promise<RawRedis> {
  const client = await connect(port);
  client.send(bytes);
  return client;
}

describe("the memory of all connections together", () => {
  it("is bounded: the largest holder is closed, and the others go on", async () => {
    const broker = await start({ memoryBytes: 4 * MEBIBYTE });
    const open = request("MULTI") + request("HSET", `${QUEUE}.values`, "a", "x".repeat(MEBIBYTE));
    const small = await hold(broker.port, open);
    await small.receives("+QUEUED");
    const large = await hold(
      broker.port,
      open + request("HSET", `${QUEUE}.values`, "b", "x".repeat(2 * MEBIBYTE)),
    );
    await until("a third to be too much", async () => {
      const other = await hold(broker.port, open);
      return Promise.race([large.closed, other.receives("+QUEUED").then(() => "")]);
    });
    expect(await large.closed).toMatch(/\r\n-ERR closed: [^\r]*memory[^\r]*\r\n$/);
    small.send(request("ZADD", `${QUEUE}.keys`, "1", "a") + request("EXEC"));
    await small.receives("*2\r\n:1\r\n:1\r\n");
    expect(broker.counters.closedForMemory).toBe(1);
    expect(await broker.store.size(QUEUE)).toBe(1);
  });

  it("takes a batch in, though many hold theirs open", async () => {
    const clock = new ManualClock(Date.now());
    const broker = await start({ memoryBytes: 4 * MEBIBYTE, clock });
    const open = request("MULTI") + request("HSET", `${QUEUE}.values`, "a", "x".repeat(100 * KIBIBYTE));
    const holders = await Promise.all(Array.from({ length: 38 }, () => hold(broker.port, open)));
    for (const holder of holders) await holder.receives("+QUEUED");
    expect(broker.counters.closedForMemory).toBe(0);
    // Three times as large as any of theirs, but it makes progress, and they have stopped.
    const store = async (id: string) =>
      /\*2\r\n:1\r\n:1\r\n$/.test(await ask(broker.port, storing([id], "y".repeat(300 * KIBIBYTE))));
    await clock.advance(1_000);
    expect(await store("first")).toBe(true);
    for (let batch = 0; batch < 9; batch++) expect(await store(`${batch}`)).toBe(true);
    expect(broker.counters.closedForMemory).toBeGreaterThan(0);
    expect(await broker.store.size(QUEUE)).toBe(10);
  });

  it("isn't counted any longer when the clients are gone", async () => {
    const broker = await start({ memoryBytes: MEBIBYTE });
    for (let round = 0; round < 10; round++) {
      const client = await hold(
        broker.port,
        request("MULTI") + request("HSET", `${QUEUE}.values`, "a", "x".repeat(200 * KIBIBYTE)),
      );
      await client.receives("+QUEUED");
      client.socket.destroy();
      await until("it to be gone", () => broker.counters.connections === 0);
    }
    expect(broker.counters.closedForMemory).toBe(0);
  });

  it("of those who haven't given the password is a small share", async () => {
    const broker = await start({ memoryBytes: 6 * MEBIBYTE, password: "secret" });
    const friend = await connect(broker.port);
    friend.send(request("AUTH", "secret"));
    await friend.receives("+OK");
    // Together 3 MB, of which 768 KiB may be held.
    const half = `*2\r\n$4\r\nAUTH\r\n$16384\r\n${"x".repeat(16_000)}`;
    for (let number = 0; number < 190; number++) await hold(broker.port, half);
    await until("some of them to be closed", () => broker.counters.closedForMemory > 100);
    friend.send(storing(["a"], "y".repeat(2 * MEBIBYTE)));
    await friend.receives("*2\r\n:1\r\n:1\r\n");
  });

  it("holds a few kilobytes of answers for those who haven't given the password and don't read", async () => {
    const broker = await start({ password: "secret" });
    const client = await connect(broker.port);
    client.socket.pause();
    const refused = request("PING").repeat(10_000);
    const handedOver = () => client.socket.bytesWritten - client.socket.writableLength;
    let sent = 0;
    await until("the client to be held up", () => {
      if (client.socket.writableLength < MEBIBYTE) {
        client.send(refused);
        sent += refused.length;
      }
      return client.socket.writableLength > MEBIBYTE && handedOver() < sent;
    });
    expect(broker.memory().unauthenticated).toBeLessThan(200 * KIBIBYTE);
  });
});

it("takes about as much memory for a request that comes byte by byte as for any other", () => {
  const parser = new RequestParser({ requestBytes: MEBIBYTE, arguments: 10, argumentBytes: MEBIBYTE });
  const bytes = Buffer.from(`*2\r\n$4\r\nECHO\r\n$${300 * KIBIBYTE}\r\n${"x".repeat(200 * KIBIBYTE)}`);
  const before = process.memoryUsage();
  for (const byte of bytes) {
    parser.push(Buffer.from([byte]));
    parser.next();
  }
  globalThis.gc?.();
  const after = process.memoryUsage();
  expect(parser.heldBytes).toBeLessThan(2.1 * bytes.length + 256);
  // Node's buffers outside the heap; the heap is collected anyway.
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * MEBIBYTE);
});

describe("what clients may create", () => {
  it("is nothing by looking: queues of any name are empty, and the agent's own are stored into all the same", async () => {
    const broker = await start({});
    const looks = Array.from({ length: 100 }, (_, number) =>
      request("ZCARD", `chouette:made:up:${number}.keys`),
    );
    expect(await ask(broker.port, looks.join(""))).toBe(":0\r\n".repeat(100));
    expect(await ask(broker.port, storing(["a"], "{}"))).toMatch(/\*2\r\n:1\r\n:1\r\n$/);
  });

  it("is no other queue: it is refused with the names of those that there are, and takes no room", async () => {
    const broker = await start({});
    const before = broker.store.bytes();
    for (let number = 0; number < 20; number++)
      expect(
        await ask(broker.port, request("HSET", `chouette:made:${number}.values`, "a", "x".repeat(100_000))),
      ).toMatch(/^-ERR 'chouette:made:.* chouette:metrics:raw.values/);
    expect(broker.store.bytes()).toBe(before);
  });

  it("is 100 markers per connection", async () => {
    const broker = await start({});
    const marker = (name: string) =>
      request("SET", `chouette:client:${name}`, "x".repeat(1_000), "EX", "86400");
    const one = Array.from({ length: 200 }, (_, number) => marker(`same-${number}`)).join("");
    const answers = await ask(broker.port, one);
    expect(answers.match(/\+OK/g)).toHaveLength(100);
    expect(answers.match(/-ERR a connection stores at most 100 markers/g)).toHaveLength(100);
    const again = Array.from({ length: 100 }, (_, number) => marker(`other-${number}`)).join("");
    expect(await ask(broker.port, again + marker("other-7"))).toBe("+OK\r\n".repeat(101));
    expect((await broker.store.stateWithPrefix("chouette:client:")).size).toBe(200);
  });
});

describe("beyond loopback without a password", () => {
  async function askFrom(address: string, port: number): Promise<string> {
    const { connect: open } = await import("node:net");
    return new Promise((resolve, reject) => {
      let text = "";
      const socket = open({ host: address, port });
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("error", (error) => (text === "" ? reject(error) : resolve(text)));
      socket.on("end", () => resolve(text));
      socket.end(request("PING"));
    });
  }

  it("clients of other machines are refused, as in Redis' protected mode, and the log warns", async () => {
    const broker = await start({ host: "0.0.0.0" });
    expect(await askFrom(ownAddress(), broker.port)).toMatch(/^-DENIED [^\r]*CHOUETTE_PASSWORD[^\r]*\r\n$/);
    expect(await askFrom("127.0.0.1", broker.port)).toBe("+PONG\r\n");
    expect(broker.counters.deniedConnections).toBe(1);
    expect(broker.log()).toMatch(/"level":40.*without a password and refuses/);
  });

  it("they are served if a setting allows it, or there is a password", async () => {
    const open = await start({ host: "0.0.0.0", protectedMode: false });
    expect(await askFrom(ownAddress(), open.port)).toBe("+PONG\r\n");
    expect(open.log()).toMatch(/"level":40.*anybody who can reach it/);
    const guarded = await start({ host: "0.0.0.0", password: "x", loginTimeout: milliseconds(5_000) });
    expect(await askFrom(ownAddress(), guarded.port)).toMatch(/^-NOAUTH/);
    expect(guarded.log()).toBe("");
  });
});
