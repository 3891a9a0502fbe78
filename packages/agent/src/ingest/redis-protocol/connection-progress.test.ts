/** What a connection does while its requests are being stored, and how it ends; with a store that waits for the test. */
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerStore } from "@chouette-iot/queue";
import { milliseconds } from "@chouette-iot/record";
import { afterEach, describe, expect, it, vi } from "vitest";
import { brokerPerTest } from "../../../../../tests/support/broker.js";
import { ManualClock } from "../../../../../tests/support/manual-clock.js";
import { ask, connectRaw, type RawRedis, request, storing } from "../../../../../tests/support/raw-redis.js";
import { until } from "../../../../../tests/support/until.js";

const KEYS = "chouette:metrics:raw.keys";
const VALUES = "chouette:metrics:raw.values";
const MEBIBYTE = 1024 * 1024;

const { current, use } = brokerPerTest();

afterEach(() => vi.useRealTimers());

/** Lets writes wait until they are released, each on its own. */
function holdWrites(store: BrokerStore) {
  const write = store.write.bind(store);
  const waiting: (() => void)[] = [];
  store.writeNow = () => false;
  store.write = async (...args) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    await write(...args);
  };
  const release = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  return { waiting, release };
}

/** Resolves when the client's bytes are no longer taken. */
async function heldUp({ socket }: RawRedis): Promise<void> {
  let [last, unchanged] = [-1, 0];
  await until("the client to be held up", () => {
    const now = socket.bytesWritten - socket.writableLength;
    unchanged = now === last ? unchanged + 1 : 0;
    last = now;
    return unchanged > 10;
  });
}

const set = (id: string, value = "{}") => request("HSET", VALUES, id, value);

describe("requests that are being stored", () => {
  it("stop the reading at 4 MiB, are counted once as memory, and are all answered in the end", async () => {
    const { waiting, release } = holdWrites(current().store);
    const client = await connectRaw(current().port);
    for (let number = 0; number < 10; number++) client.send(set(`${number}`, "x".repeat(MEBIBYTE)));
    await heldUp(client);
    expect(waiting).toHaveLength(4);
    expect(current().memory().clients).toBeGreaterThan(4 * MEBIBYTE);
    expect(current().memory().clients).toBeLessThan(6 * MEBIBYTE);
    await until("all to be answered", () => {
      release();
      return client.received() === ":1\r\n".repeat(10);
    });
    await until("the memory to be free", () => current().memory().clients === 0);
    client.socket.destroy();
  });

  it("stop the reading of all connections at half of the memory, until they are stored", async () => {
    await use({ memoryBytes: 3 * MEBIBYTE });
    const { waiting, release } = holdWrites(current().store);
    const [large, small] = [await connectRaw(current().port), await connectRaw(current().port)];
    for (let number = 1; number <= 3; number++) {
      small.send(request("PING"));
      await small.receives("+PONG\r\n".repeat(number));
      large.send(set(`${number}`, "x".repeat(0.6 * MEBIBYTE)));
      await until("it to wait for the disk", () => waiting.length === number);
    }
    small.send(request("PING"));
    await sleep(50);
    expect(small.received()).toBe("+PONG\r\n".repeat(3));
    release();
    await small.receives("+PONG\r\n".repeat(4));
    await large.receives(":1\r\n".repeat(3));
    expect(current().counters.closedForMemory).toBe(0);
    for (const { socket } of [large, small]) socket.destroy();
  });

  it("are stored, though their client has gone, and hold no memory after that", async () => {
    const { waiting, release } = holdWrites(current().store);
    const client = await connectRaw(current().port);
    client.send(set("a", "x".repeat(1_000)));
    await until("it to wait for the disk", () => waiting.length === 1);
    client.socket.resetAndDestroy();
    await until("the client to be gone", () => current().counters.connections === 0);
    expect(current().memory().clients).toBeGreaterThan(1_000);
    release();
    await until(
      "it to be stored",
      async () => (await current().store.valueCount("chouette:metrics:raw")) === 1,
    );
    await until("the memory to be free", () => current().memory().clients === 0);
  });

  it("are answered before a later one that breaks the protocol, and before the end of the broker", async () => {
    const { waiting, release } = holdWrites(current().store);
    const [client, other] = [await connectRaw(current().port), await connectRaw(current().port)];
    client.send(`${request("PING")}${set("a")}${request("PING")}*x\r\n${set("b")}`);
    other.send(set("c") + request("HLEN", VALUES));
    await until("both to wait for the disk", () => waiting.length === 2);
    await client.receives("+PONG\r\n");
    const closing = current().close();
    await sleep(20);
    expect(client.received()).toBe("+PONG\r\n");
    release();
    expect(await client.closed).toMatch(
      /^\+PONG\r\n:1\r\n\+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n$/,
    );
    expect(await other.closed).toBe(":1\r\n:2\r\n");
    await closing;
  });

  it("are looked at in their transaction only when they are stored, and not if they can't be", async () => {
    const { store, port } = current();
    const transaction =
      request("MULTI") + request("ZADD", KEYS, "1", "a") + request("ZCARD", KEYS) + request("EXEC");
    const { waiting, release } = holdWrites(store);
    const client = await connectRaw(port);
    client.send(transaction);
    await until("it to wait for the disk", () => waiting.length === 1);
    expect(client.received()).not.toContain("*2");
    release();
    await client.receives("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n");
    client.socket.destroy();
    store.write = () => Promise.reject(new Error("no space"));
    expect(await ask(port, transaction)).toMatch(/QUEUED\r\n-MISCONF [^\r]*no space\r\n$/);
    expect(current().counters.failedWrites).toBe(1);
  });

  it("are answered in the protocol of their time", async () => {
    const { waiting, release } = holdWrites(current().store);
    const client = await connectRaw(current().port);
    const marker = "chouette:client:a";
    const watched = request("WATCH", marker) + request("SET", marker, "1", "EX", "9");
    client.send(
      watched + request("MULTI") + request("EXEC") + request("HGET", VALUES, "none") + request("HELLO", "3"),
    );
    await until("it to wait for the disk", () => waiting.length === 1);
    release();
    const answers = await client.receives("proto");
    expect(answers).toMatch(/^\+OK\r\n\+OK\r\n\+OK\r\n\*-1\r\n\$-1\r\n%7\r\n/);
    client.send(request("HGET", VALUES, "none"));
    await client.receives("_\r\n");
    client.socket.destroy();
  });
});

describe("a connection at the limit", () => {
  it("isn't idle while it is answered, nor for a second after it was, or after it sent something", async () => {
    const clock = new ManualClock(Date.now());
    await use({ maxConnections: 1, clock });
    const { waiting, release } = holdWrites(current().store);
    const client = await connectRaw(current().port);
    const isAccepted = async () => {
      const other = await connectRaw(current().port);
      other.socket.end();
      return (await other.closed) === "";
    };
    client.send(set("a"));
    await until("it to wait for the disk", () => waiting.length === 1);
    await clock.advance(5_000);
    expect(await isAccepted()).toBe(false);
    release();
    await client.receives(":1");
    await clock.advance(999);
    expect(await isAccepted()).toBe(false);
    client.send(request("PING"));
    await client.receives("+PONG");
    await clock.advance(999);
    expect(await isAccepted()).toBe(false);
    expect(current().counters).toMatchObject({ connections: 1, refusedConnections: 3, closedIdle: 0 });
    await clock.advance(1);
    expect(await isAccepted()).toBe(true);
    await client.closed;
    expect(current().counters.closedIdle).toBe(1);
    await until("all to be gone", () => current().counters.connections === 0);
  });

  it("is closed to make room if it was idle for longest, whichever came first", async () => {
    const clock = new ManualClock(Date.now());
    await use({ maxConnections: 3, clock });
    const clients: RawRedis[] = [];
    for (let number = 0; number < 3; number++) {
      clients.push(await connectRaw(current().port));
      await until("it to be accepted", () => current().counters.connections === number + 1);
    }
    const [first, second, third] = clients;
    for (const client of [first, third]) {
      await clock.advance(10);
      client?.send(request("PING"));
      await client?.receives("+PONG");
    }
    await clock.advance(2_000);
    expect(await ask(current().port, request("PING"))).toBe("+PONG\r\n");
    await second?.closed;
    await until("the new one to be gone", () => current().counters.connections === 2);
    for (const client of [first, third]) client?.socket.destroy();
  });
});

describe("the end of a connection", () => {
  /** A client that doesn't close its side. */
  async function oneSided() {
    const socket = connectSocket({ port: current().port, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {});
    return { socket, ended: once(socket, "end").then(() => text) };
  }

  it("comes with the last reply; the client has a second to close its side", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { socket, ended } = await oneSided();
    socket.write(request("PING") + request("QUIT") + request("PING"));
    expect(await ended).toBe("+PONG\r\n+OK\r\n");
    vi.advanceTimersByTime(999);
    // What comes after the end is read and dropped.
    socket.write("x".repeat(100_000));
    await sleep(20);
    expect([current().counters.connections, socket.destroyed]).toEqual([1, false]);
    vi.advanceTimersByTime(1);
    await until("it to be closed", () => current().counters.connections === 0);
    socket.destroy();
  });

  it("comes 10 seconds after the beginning without a login, with the reason", async () => {
    await use({ password: "secret" });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { socket, ended } = await oneSided();
    await until("it to be accepted", () => current().counters.connections === 1);
    vi.advanceTimersByTime(9_999);
    await sleep(10);
    expect([current().counters.loginTimeouts, current().memory().unauthenticated]).toEqual([0, 0]);
    vi.advanceTimersByTime(1);
    expect(await ended).toMatch(/^-NOAUTH closed: no password was sent in time\r\n$/);
    expect(current().counters.loginTimeouts).toBe(1);
    socket.end();
    await until("it to be gone", () => current().counters.connections === 0);
  });

  it("before the time for the login is over counts as no login that came too late", async () => {
    await use({ password: "secret" });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const gone = await connectRaw(current().port);
    await until("it to be accepted", () => current().counters.connections === 1);
    gone.socket.destroy();
    await until("it to be gone", () => current().counters.connections === 0);
    vi.advanceTimersByTime(10_000);
    expect(current().counters.loginTimeouts).toBe(0);
  });

  it("of one that is ended from outside doesn't wait for more than its replies", async () => {
    const victim = await connectRaw(current().port);
    victim.send(`${request("MULTI")}${set("a")}*2\r\n$4\r\nEC`);
    await victim.receives("+QUEUED");
    expect(await ask(current().port, request("CLIENT", "KILL", "ID", "1") + request("HLEN", VALUES))).toBe(
      ":1\r\n:0\r\n",
    );
    expect(await victim.closed).toBe("+OK\r\n+QUEUED\r\n");
    await until("its memory to be free", () => current().memory().clients === 0);
  });
});

describe("limits of requests", () => {
  const faults = () => current().counters.protocolErrors;

  it("before the login are small, exactly", async () => {
    await use({ password: "secret", loginTimeout: milliseconds(60_000) });
    const auth = (length: number) => request("AUTH", "x".repeat(length));
    expect(await ask(current().port, auth(16_384))).toMatch(/^-WRONGPASS /);
    expect(await ask(current().port, request(...Array<string>(10).fill("PING")))).toMatch(/^-NOAUTH /);
    expect(await ask(current().port, request("PING", ...Array<string>(4).fill("x".repeat(16_300))))).toMatch(
      /^-NOAUTH /,
    );
    expect(faults()).toBe(0);
    expect(await ask(current().port, auth(16_385))).toMatch(/^-ERR Protocol error: invalid bulk length/);
    expect(await ask(current().port, request(...Array<string>(11).fill("PING")))).toMatch(
      /^-ERR Protocol error: invalid multibulk length/,
    );
    expect(await ask(current().port, request("PING", ...Array<string>(4).fill("x".repeat(16_384))))).toMatch(
      /^-ERR Protocol error: too big request/,
    );
    expect(faults()).toBe(3);
    // A login raises them, also for what was sent with it.
    expect(
      await ask(current().port, request("AUTH", "secret") + request("ECHO", "x".repeat(16_385))),
    ).toMatch(/^\+OK\r\n\$16385\r\n/);
  });

  it("leave room for a log of 2 MiB, 8 MiB in all, and 100,000 arguments", async () => {
    const value = "x".repeat(2 * MEBIBYTE - 100);
    const large = request("HSET", VALUES, ...["a", "b", "c", "d"].flatMap((id) => [id, value]));
    expect(large.length).toBeGreaterThan(8 * MEBIBYTE - 500);
    expect(await ask(current().port, large)).toBe(":4\r\n");
    expect(await ask(current().port, set("e", "x".repeat(2 * MEBIBYTE)))).toBe(":1\r\n");
    const many = `*100000\r\n${"$4\r\nECHO\r\n".repeat(100_000)}`;
    expect(await ask(current().port, many + request("PING"))).toMatch(
      /^-ERR wrong number[^\r]*\r\n\+PONG\r\n$/,
    );
    expect(faults()).toBe(0);
  });

  it("in memory of a connection count for the budget that it belongs to", async () => {
    await use({ password: "secret" });
    const client = await connectRaw(current().port);
    client.send("*2\r\n$4\r\nAUTH\r\n$6\r\nsec");
    await until("a part to arrive", () => current().memory().unauthenticated > 0);
    expect(current().memory().clients).toBe(0);
    client.send(`ret\r\n${request("MULTI")}${request("ZADD", KEYS, "1", "a")}`);
    await client.receives("+QUEUED");
    expect(current().memory().unauthenticated).toBe(0);
    expect(current().memory().clients).toBeGreaterThan(100);
    client.send(request("RESET"));
    await client.receives("+RESET");
    await until("it to be free", () => current().memory().clients === 0);
    client.socket.destroy();
  });
});

it("replies of one turn are one write, as are those of a transaction that is stored", async () => {
  const client = await connectRaw(current().port);
  const chunks: string[] = [];
  client.socket.on("data", (chunk) => chunks.push(`${chunk}`));
  const expected = "+PONG\r\n".repeat(50);
  client.send(request("PING").repeat(50));
  await client.receives(expected);
  client.send(storing(["a"]));
  await client.receives(":1\r\n:1\r\n");
  expect(chunks).toEqual([expected, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n"]);
  client.socket.destroy();
});
