/** The embedded broker against clients that send garbage, too little or too much, and on a disk that fails. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brokerPerTest } from "../../../../../tests/support/broker.js";
import { FailingDisk } from "../../../../../tests/support/failing-disk.js";
import { ask, connectRaw, request, storedReply, storing } from "../../../../../tests/support/raw-redis.js";
import { until } from "../../../../../tests/support/until.js";

const QUEUE = "chouette:metrics:raw";
const MEBIBYTE = 1024 * 1024;

const { current, use } = brokerPerTest();

async function isThere(): Promise<void> {
  expect(await ask(current().port, request("PING"))).toBe("+PONG\r\n");
}

describe("the agent goes on", () => {
  it("whatever bytes come", async () => {
    const words = [
      "MULTI",
      "EXEC",
      "ZADD",
      "HSET",
      "HELLO",
      "AUTH",
      "CLIENT",
      "SET",
      "GET",
      "ZRANGE",
      "COMMAND",
    ];
    const args = fc.oneof(
      fc.constantFrom(...words, `${QUEUE}.keys`, `${QUEUE}.values`),
      fc.string({ maxLength: 9 }),
    );
    const requests = fc
      .array(args, { minLength: 1, maxLength: 7 })
      .map((args) => Buffer.from(request(...args)));
    const rubbish = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    const streams = fc.array(fc.oneof({ weight: 4, arbitrary: requests }, rubbish), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(streams, async (parts) => {
        await ask(current().port, Buffer.concat(parts));
        await isThere();
      }),
      { numRuns: 60 },
    );
  });

  it("when clients break off in the middle of a request", async () => {
    const whole = storing(["a", "b"]);
    for (let length = 1; length < whole.length; length += 7) {
      const client = await connectRaw(current().port);
      client.send(whole.slice(0, length));
      if (length % 2 === 0) client.socket.destroy();
      else client.socket.end();
    }
    await until("all to be gone", () => current().counters.connections === 0);
    await isThere();
    expect(await current().store.size(QUEUE)).toBe(0);
  });

  it("with 50 clients together", async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => connectRaw(current().port)));
    await until("all to be there", () => current().counters.connections === 50);
    const answers = clients.map(async (client, number) => {
      const ids = Array.from({ length: 20 }, (_, index) => `${number}-${index}`);
      client.socket.end(storing(ids));
      expect(await client.closed).toBe(storedReply(ids));
    });
    await Promise.all(answers);
    expect(await current().store.size(QUEUE)).toBe(1_000);
    await until("all to be gone", () => current().counters.connections === 0);
  });
});

describe("a half request", () => {
  it("waits for the rest, byte by byte", async () => {
    const client = await connectRaw(current().port);
    client.socket.setNoDelay(true);
    for (const byte of Buffer.from(storing(["a"]))) {
      client.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    client.socket.end();
    expect(await client.closed).toBe(storedReply(["a"]));
  });
});

describe("a request over the limits", () => {
  it.each([
    ["too many arguments", "*100001\r\n"],
    ["too long an argument", `*1\r\n$${2 * MEBIBYTE + 1}\r\n`],
    ["too big in all", `*9\r\n${`$${MEBIBYTE}\r\n${"x".repeat(MEBIBYTE)}\r\n`.repeat(9)}`],
    ["an endless line", "x".repeat(100_000)],
    ["binary rubbish", Buffer.from([0x2a, 0xff, 0xfe, 0x00, 0x0d, 0x0a])],
  ])("is answered with an error and the end of the connection: %s", async (_what, bytes) => {
    const client = await connectRaw(current().port);
    client.send(request("PING"));
    client.send(bytes);
    expect(await client.closed).toMatch(/^\+PONG\r\n-ERR Protocol error: [^\r\n]+\r\n$/);
    expect(current().counters.protocolErrors).toBe(1);
  });

  it("doesn't keep a big request within them from being stored", async () => {
    const log = `{"message":"${"x".repeat(MEBIBYTE)}"}`;
    await ask(
      current().port,
      request("ZADD", `${QUEUE}.keys`, "1", "a") + request("HSET", `${QUEUE}.values`, "a", log),
    );
    expect(await current().store.read(QUEUE, { limit: 2 })).toEqual([{ score: 1, id: "a", value: log }]);
  });

  it("is refused as a transaction, whole", async () => {
    const set = request("HSET", `${QUEUE}.values`, "a", "x".repeat(MEBIBYTE));
    const answers = await ask(
      current().port,
      request("MULTI") + set.repeat(17) + request("EXEC") + request("PING"),
    );
    expect(answers).toContain("-ERR a transaction is at most");
    expect(answers).toMatch(/-EXECABORT [^\r]*\r\n\+PONG\r\n$/);
    expect(await current().store.valueCount(QUEUE)).toBe(0);
  });
});

describe("a refused command", () => {
  it.each([
    ["an unknown one", ["FLUSHALL"]],
    ["another's key", ["ZADD", "sessions.keys", "1", "a"]],
    ["a plain value", ["SET", "a", "b"]],
    ["a marker without an expiry", ["SET", "chouette:client:a", "b"]],
    ["ZADD with an option", ["ZADD", `${QUEUE}.keys`, "NX", "1", "a"]],
    ["a queue that isn't the agent's", ["HSET", "chouette:made:up.values", "a", "{}"]],
    ["taking records out", ["DEL", `${QUEUE}.keys`]],
    ["an empty id", ["HSET", `${QUEUE}.values`, "", "{}"]],
    ["too long an id", ["HSET", `${QUEUE}.values`, "é".repeat(513), "{}"]],
    ["another database", ["SELECT", "1"]],
    ["CLIENT REPLY", ["CLIENT", "REPLY", "OFF"]],
    ["WATCH", ["WATCH", `${QUEUE}.keys`]],
    ["ZRANGE by score", ["ZRANGE", `${QUEUE}.keys`, "0", "1", "BYSCORE"]],
  ])("is counted, and the connection goes on: %s", async (_what, args) => {
    expect(await ask(current().port, request(...args) + request("PING"))).toMatch(
      /^-ERR [^\r\n]+\r\n\+PONG\r\n$/,
    );
    expect(current().counters.refusedCommands).toBe(1);
  });

  it("takes its whole transaction with it, though Redis would carry out the rest", async () => {
    const commands = [
      ["MULTI"],
      ["HSET", `${QUEUE}.values`, "a", "{}"],
      ["ZADD", `${QUEUE}.keys`, "never", "a"],
      ["EXEC"],
    ];
    expect(await ask(current().port, commands.map((args) => request(...args)).join(""))).toMatch(
      /-EXECABORT/,
    );
    expect(await current().store.valueCount(QUEUE)).toBe(0);
  });

  it("is a range too long to answer", async () => {
    const ids = Array.from({ length: 10_001 }, (_, index) => `${index}`);
    await ask(current().port, storing(ids));
    expect(await ask(current().port, request("ZRANGE", `${QUEUE}.keys`, "0", "-1"))).toMatch(
      /^-ERR .* 10000 ids/,
    );
    expect(await ask(current().port, request("ZRANGE", `${QUEUE}.keys`, "1", "-1"))).toMatch(/^\*10000\r\n/);
    expect(await ask(current().port, request("ZRANGE", `${QUEUE}.keys`, "0", "-2"))).toMatch(/^\*10000\r\n/);
  });
});

it("closes the connection at a web page's request", async () => {
  const posted = `POST / HTTP/1.1\r\nHost: localhost\r\n\r\n${request("ZADD", `${QUEUE}.keys`, "1", "a")}`;
  expect(await ask(current().port, posted)).toMatch(/^-ERR [^\r]*\r\n$/);
  expect(await ask(current().port, posted.replace("POST", "GET"))).toMatch(
    /^-ERR [^\r]*\r\n-ERR [^\r]*\r\n$/,
  );
  expect(await current().store.size(QUEUE)).toBe(0);
});

describe("a store that can't write", () => {
  it("is an error per command, told once when it begins and once when it ends", async () => {
    const disk = new FailingDisk();
    await use({ files: disk.files });
    const client = await connectRaw(current().port);
    client.send(storing(["first"]));
    await client.receives("*2\r\n:1\r\n:1\r\n");
    disk.failure = "an error of\r\nthe disk";
    client.send(storing(["a"]) + request("ZADD", `${QUEUE}.keys`, "1", "b") + request("PING"));
    const refused = "-MISCONF Chouette can't write to its store: an error of the disk\r\n";
    expect(await client.receives("PONG")).toContain(`${refused}${refused}+PONG\r\n`);
    expect(current().counters.failedWrites).toBe(2);
    disk.failure = undefined;
    client.send(storing(["c"]) + request("ECHO", "stored"));
    await client.receives("stored");
    expect(current().log().trim().split("\n")).toHaveLength(2);
    expect(await current().store.size(QUEUE)).toBe(2);
    client.socket.destroy();
  });
});

describe("a transaction that was refused", () => {
  it("lets go of what it held, and its next commands hold nothing and look nothing up", async () => {
    const client = await connectRaw(current().port);
    const set = request("HSET", `${QUEUE}.values`, "a", "x".repeat(MEBIBYTE));
    const answers = 100;
    client.send(request("MULTI") + set + request("PING").repeat(answers));
    await client.receives("+QUEUED\r\n".repeat(answers + 1));
    expect(current().memory().clients).toBeGreaterThan(MEBIBYTE);
    client.send(request("NOSUCH"));
    await client.receives("-ERR unknown");
    await until("its memory to be free", () => current().memory().clients < 1_000);
    client.send(request("CLIENT", "INFO") + set + request("EXEC") + request("PING"));
    expect(await client.receives("+PONG")).toMatch(/\+QUEUED\r\n-EXECABORT [^\r]*\r\n\+PONG\r\n$/);
    await until("its memory to be free again", () => current().memory().clients === 0);
    expect(await ask(current().port, request("CLIENT", "LIST"))).toMatch(/multi=-1/);
    expect(await current().store.valueCount(QUEUE)).toBe(0);
    client.socket.destroy();
  });
});

describe("a store that can't read", () => {
  it("is an error for each look, told in the log, and what was stored before it stays", async () => {
    await use({});
    const unreadable = () => Promise.reject(new Error("input/output error"));
    Object.assign(current().store, { size: unreadable, range: unreadable, values: unreadable });
    const look = [
      ["ZCARD", `${QUEUE}.keys`],
      ["ZRANGE", `${QUEUE}.keys`, "0", "1"],
      ["HGET", `${QUEUE}.values`, "a"],
    ];
    for (const args of look)
      expect(await ask(current().port, request(...args) + request("PING"))).toBe(
        "-ERR Chouette can't read its store\r\n+PONG\r\n",
      );
    const inTransaction =
      request("MULTI") +
      request("ZADD", `${QUEUE}.keys`, "1", "a") +
      request("ZCARD", `${QUEUE}.keys`) +
      request("EXEC");
    expect(await ask(current().port, inTransaction)).toMatch(/-ERR Chouette can't read its store\r\n$/);
    expect(
      current()
        .log()
        .match(/can't read from the store for a client/g),
    ).toHaveLength(4);
    expect(await current().store.read(QUEUE, { limit: 2 })).toHaveLength(1);
  });
});
