/**
 * The embedded broker against clients that send garbage, too little or too much, don't read, or come in large numbers.
 */
import { milliseconds } from "@chouette-iot/record";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PortTakenError } from "../../packages/agent/src/ingest/redis-protocol/listener.js";
import { startTestBroker, type TestBroker, type TestBrokerOptions } from "../support/broker.js";
import { FailingDisk } from "../support/failing-disk.js";
import { ask, connectRaw, request } from "../support/raw-redis.js";
import { until } from "../support/until.js";

const QUEUE = "chouette:metrics:raw";
const MEBIBYTE = 1024 * 1024;

let broker: TestBroker;

async function use(options: TestBrokerOptions): Promise<void> {
  await broker.stop();
  broker = await startTestBroker(options);
}

beforeEach(async () => {
  broker = await startTestBroker();
});

afterEach(() => broker.stop());

/** A MULTI that stores records of these ids. */
function multi(ids: readonly string[], queue = QUEUE): string {
  const add = request("ZADD", `${queue}.keys`, ...ids.flatMap((id, index) => [`${index}`, id]));
  const set = request("HSET", `${queue}.values`, ...ids.flatMap((id) => [id, "{}"]));
  return request("MULTI") + add + set + request("EXEC");
}

function answerTo(ids: readonly string[]): string {
  return `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:${ids.length}\r\n:${ids.length}\r\n`;
}

async function isThere(): Promise<void> {
  expect(await ask(broker.port, request("PING"))).toBe("+PONG\r\n");
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
        await ask(broker.port, Buffer.concat(parts));
        await isThere();
      }),
      { numRuns: 200 },
    );
  });

  it("when clients break off in the middle of a request", async () => {
    const whole = multi(["a", "b"]);
    for (let length = 1; length < whole.length; length += 7) {
      const client = await connectRaw(broker.port);
      client.send(whole.slice(0, length));
      if (length % 2 === 0) client.socket.destroy();
      else client.socket.end();
    }
    await until("all to be gone", () => broker.counters.connections === 0);
    await isThere();
    expect(await broker.store.size(QUEUE)).toBe(0);
  });

  it("with 200 clients at once", async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => connectRaw(broker.port)));
    await until("all to be there", () => broker.counters.connections === 200);
    const answers = clients.map(async (client, number) => {
      const ids = Array.from({ length: 20 }, (_, index) => `${number}-${index}`);
      client.socket.end(multi(ids));
      expect(await client.closed).toBe(answerTo(ids));
    });
    await Promise.all(answers);
    expect(await broker.store.size(QUEUE)).toBe(4_000);
    await until("all to be gone", () => broker.counters.connections === 0);
  });
});

describe("a half request", () => {
  it("waits for the rest, byte by byte", async () => {
    const client = await connectRaw(broker.port);
    client.socket.setNoDelay(true);
    for (const byte of Buffer.from(multi(["a"]))) {
      client.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    client.socket.end();
    expect(await client.closed).toBe(answerTo(["a"]));
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
    const client = await connectRaw(broker.port);
    client.send(request("PING"));
    client.send(bytes);
    expect(await client.closed).toMatch(/^\+PONG\r\n-ERR Protocol error: [^\r\n]+\r\n$/);
    expect(broker.counters.protocolErrors).toBe(1);
  });

  it("doesn't keep a big request within them from being stored", async () => {
    const log = `{"message":"${"x".repeat(MEBIBYTE)}"}`;
    await ask(
      broker.port,
      request("ZADD", `${QUEUE}.keys`, "1", "a") + request("HSET", `${QUEUE}.values`, "a", log),
    );
    expect(await broker.store.read(QUEUE, { limit: 2 })).toEqual([{ score: 1, id: "a", value: log }]);
  });

  it("is refused as a transaction, whole", async () => {
    const set = request("HSET", `${QUEUE}.values`, "a", "x".repeat(MEBIBYTE));
    const answers = await ask(
      broker.port,
      request("MULTI") + set.repeat(17) + request("EXEC") + request("PING"),
    );
    expect(answers).toContain("-ERR a transaction is at most");
    expect(answers).toMatch(/-EXECABORT [^\r]*\r\n\+PONG\r\n$/);
    expect(await broker.store.valueCount(QUEUE)).toBe(0);
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
    expect(await ask(broker.port, request(...args) + request("PING"))).toMatch(
      /^-ERR [^\r\n]+\r\n\+PONG\r\n$/,
    );
    expect(broker.counters.refusedCommands).toBe(1);
  });

  it("takes its whole transaction with it, though Redis would carry out the rest", async () => {
    const commands = [
      ["MULTI"],
      ["HSET", `${QUEUE}.values`, "a", "{}"],
      ["ZADD", `${QUEUE}.keys`, "never", "a"],
      ["EXEC"],
    ];
    expect(await ask(broker.port, commands.map((args) => request(...args)).join(""))).toMatch(/-EXECABORT/);
    expect(await broker.store.valueCount(QUEUE)).toBe(0);
  });

  it("is a range too long to answer", async () => {
    const ids = Array.from({ length: 10_001 }, (_, index) => `${index}`);
    await ask(broker.port, multi(ids));
    expect(await ask(broker.port, request("ZRANGE", `${QUEUE}.keys`, "0", "-1"))).toMatch(
      /^-ERR .* 10000 ids/,
    );
    expect(await ask(broker.port, request("ZRANGE", `${QUEUE}.keys`, "1", "-1"))).toMatch(/^\*10000\r\n/);
    expect(await ask(broker.port, request("ZRANGE", `${QUEUE}.keys`, "0", "-2"))).toMatch(/^\*10000\r\n/);
  });
});

it("closes the connection at a web page's request", async () => {
  const posted = `POST / HTTP/1.1\r\nHost: localhost\r\n\r\n${request("ZADD", `${QUEUE}.keys`, "1", "a")}`;
  expect(await ask(broker.port, posted)).toMatch(/^-ERR [^\r]*\r\n$/);
  expect(await ask(broker.port, posted.replace("POST", "GET"))).toMatch(/^-ERR [^\r]*\r\n-ERR [^\r]*\r\n$/);
  expect(await broker.store.size(QUEUE)).toBe(0);
});

describe("answers", () => {
  it("keep the order of pipelined requests while what they store shares commits", async () => {
    const client = await connectRaw(broker.port);
    let expected = "";
    for (let number = 0; number < 300; number++) {
      const ids = Array.from({ length: (number % 7) + 1 }, (_, index) => `${number}-${index}`);
      client.send(multi(ids) + request("ECHO", `after ${number}`));
      expected += `${answerTo(ids)}$${`after ${number}`.length}\r\nafter ${number}\r\n`;
      if (number % 50 !== 0) continue;
      client.send(request("ZCARD", `${QUEUE}.keys`));
      const stored = Array.from({ length: number + 1 }, (_, before) => (before % 7) + 1);
      expected += `:${stored.reduce((sum, count) => sum + count)}\r\n`;
    }
    client.socket.end();
    expect(await client.closed).toBe(expected);
  });

  it("wait for one that is being stored for a moment only, and then come without it", async () => {
    const disk = new FailingDisk();
    await use({ files: disk.files, fsync: "always" });
    const client = await connectRaw(broker.port);
    client.send(multi(["a"]));
    await client.receives(answerTo(["a"]));
    disk.flushMs = 2_000;
    client.send(request("PING") + multi(["b"]));
    expect(await client.receives("+PONG\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n")).toBe(
      `${answerTo(["a"])}+PONG\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n`,
    );
    disk.flushMs = 0;
    await client.receives(`+PONG\r\n${answerTo(["b"])}`);
    client.socket.destroy();
  });

  it("that nobody reads stop the reading of requests, and all come in the end", async () => {
    const client = await connectRaw(broker.port);
    client.socket.pause();
    const echo = request("ECHO", "x".repeat(MEBIBYTE));
    const count = 64;
    for (let number = 0; number < count; number++) client.send(echo);
    const handedOver = () => client.socket.bytesWritten - client.socket.writableLength;
    let last = -1;
    let unchanged = 0;
    await until("the client to be held up", () => {
      unchanged = handedOver() === last ? unchanged + 1 : 0;
      last = handedOver();
      return unchanged > 20;
    });
    // The system's own buffers hold some.
    expect(last).toBeLessThan((count * echo.length * 3) / 4);
    client.socket.end();
    client.socket.resume();
    const answers = await client.closed;
    expect(answers.length).toBe(count * (echo.length - "*2\r\n$4\r\nECHO\r\n".length));
  });

  it("to what was under way are given before the broker closes", async () => {
    const client = await connectRaw(broker.port);
    const idle = await connectRaw(broker.port);
    client.send(multi(["a"]) + multi(["b"]));
    await client.receives("QUEUED");
    await broker.close();
    expect(await client.closed).toBe(answerTo(["a"]) + answerTo(["b"]));
    expect(await idle.closed).toBe("");
    expect(await broker.store.size(QUEUE)).toBe(2);
  });
});

describe("a connection that another one ends", () => {
  it("carries nothing out after that, and what it stored before is told", async () => {
    const first = await connectRaw(broker.port);
    first.send(request("CLIENT", "INFO"));
    const [, id, address] = /id=(\d+) addr=(\S+)/.exec(await first.receives("addr=")) ?? [];
    const set = (text: string) => request("SET", "chouette:client:a", text, "EX", "60");
    first.send(request("MULTI") + set("1") + request("EXEC") + request("MULTI") + set("2"));
    await first.receives("+QUEUED");

    const kill = request("CLIENT", "KILL", "ID", id ?? "", "ADDR", address ?? "");
    const look = request("GET", "chouette:client:a");
    expect(await ask(broker.port, kill + look)).toBe(":1\r\n$1\r\n1\r\n");
    first.send(request("EXEC"));
    expect(await first.closed).toMatch(/\*1\r\n\+OK\r\n\+OK\r\n\+QUEUED\r\n$/);
    expect(await ask(broker.port, look)).toBe("$1\r\n1\r\n");
  });
});

describe("a store that can't write", () => {
  it("is an error per command, told once when it begins and once when it ends", async () => {
    const disk = new FailingDisk();
    await use({ files: disk.files });
    const client = await connectRaw(broker.port);
    client.send(multi(["first"]));
    await client.receives("*2\r\n:1\r\n:1\r\n");
    disk.failure = "an error of\r\nthe disk";
    client.send(multi(["a"]) + request("ZADD", `${QUEUE}.keys`, "1", "b") + request("PING"));
    const refused = "-MISCONF Chouette can't write to its store: an error of the disk\r\n";
    expect(await client.receives("PONG")).toContain(`${refused}${refused}+PONG\r\n`);
    expect(broker.counters.failedWrites).toBe(2);
    disk.failure = undefined;
    client.send(multi(["c"]) + request("ECHO", "stored"));
    await client.receives("stored");
    expect(broker.log().trim().split("\n")).toHaveLength(2);
    expect(await broker.store.size(QUEUE)).toBe(2);
    client.socket.destroy();
  });
});

describe("a transaction that was refused", () => {
  it("lets go of what it held, and its next commands hold nothing and look nothing up", async () => {
    const client = await connectRaw(broker.port);
    const set = request("HSET", `${QUEUE}.values`, "a", "x".repeat(MEBIBYTE));
    const answers = 100;
    client.send(request("MULTI") + set + request("PING").repeat(answers));
    await client.receives("+QUEUED\r\n".repeat(answers + 1));
    expect(broker.memory().clients).toBeGreaterThan(MEBIBYTE);
    client.send(request("NOSUCH"));
    await client.receives("-ERR unknown");
    await until("its memory to be free", () => broker.memory().clients < 1_000);
    client.send(request("CLIENT", "INFO") + set + request("EXEC") + request("PING"));
    expect(await client.receives("+PONG")).toMatch(/\+QUEUED\r\n-EXECABORT [^\r]*\r\n\+PONG\r\n$/);
    await until("its memory to be free again", () => broker.memory().clients === 0);
    expect(await ask(broker.port, request("CLIENT", "LIST"))).toMatch(/multi=-1/);
    expect(await broker.store.valueCount(QUEUE)).toBe(0);
    client.socket.destroy();
  });
});

describe("a store that can't read", () => {
  it("is an error for each look, told in the log, and what was stored before it stays", async () => {
    await use({});
    const unreadable = () => Promise.reject(new Error("input/output error"));
    Object.assign(broker.store, { size: unreadable, range: unreadable, values: unreadable });
    const look = [
      ["ZCARD", `${QUEUE}.keys`],
      ["ZRANGE", `${QUEUE}.keys`, "0", "1"],
      ["HGET", `${QUEUE}.values`, "a"],
    ];
    for (const args of look)
      expect(await ask(broker.port, request(...args) + request("PING"))).toBe(
        "-ERR Chouette can't read its store\r\n+PONG\r\n",
      );
    const inTransaction =
      request("MULTI") +
      request("ZADD", `${QUEUE}.keys`, "1", "a") +
      request("ZCARD", `${QUEUE}.keys`) +
      request("EXEC");
    expect(await ask(broker.port, inTransaction)).toMatch(/-ERR Chouette can't read its store\r\n$/);
    expect(broker.log().match(/can't read from the store for a client/g)).toHaveLength(4);
    expect(await broker.store.read(QUEUE, { limit: 2 })).toHaveLength(1);
  });
});

describe("the limit of connections", () => {
  it("answers with an error, closes, and counts", async () => {
    await use({ maxConnections: 2 });
    const first = await connectRaw(broker.port);
    const second = await connectRaw(broker.port);
    // Neither is idle.
    for (const client of [first, second]) {
      client.send(request("MULTI"));
      await client.receives("+OK");
    }
    const third = await connectRaw(broker.port);
    expect(await third.closed).toBe("-ERR max number of clients reached\r\n");
    expect(broker.counters.refusedConnections).toBe(1);
    first.socket.end();
    await first.closed;
    await until("room for another", () => broker.counters.connections === 1);
    await isThere();
    second.socket.destroy();
  });

  it("closes the connection that was idle for longest in favour of a new one, and none that has something to do", async () => {
    await use({ maxConnections: 3 });
    const busy = await connectRaw(broker.port);
    busy.send(request("MULTI"));
    await busy.receives("+OK");
    const half = await connectRaw(broker.port);
    half.send("*1\r\n");
    const idle = await connectRaw(broker.port);
    await until("three connections", () => broker.counters.connections === 3);
    await until("room for a fourth", async () => (await ask(broker.port, request("PING"))) === "+PONG\r\n");
    expect(await idle.closed).toBe("");
    expect(broker.counters.closedIdle).toBe(1);
    half.send("$4\r\nPING\r\n");
    await half.receives("+PONG");
    busy.send(request("EXEC"));
    await busy.receives("*0");
    busy.socket.destroy();
    half.socket.destroy();
  });
});

describe("a port that is taken", () => {
  it("is an error that says so and what to set", async () => {
    const { host, port } = broker.address;
    const second = startTestBroker({ host, port });
    await expect(second).rejects.toThrow(PortTakenError);
    await expect(second).rejects.toThrow(/CHOUETTE_LISTEN.*REDIS_HOST.*CHOUETTE_STORAGE_TYPE/);
  });
});

describe("a password", () => {
  const PASSWORD = "correct horse battery";

  beforeEach(() => use({ password: PASSWORD }));

  it("is asked for before anything else", async () => {
    const commands = [
      ["PING"],
      ["ZADD", `${QUEUE}.keys`, "1", "a"],
      ["MULTI"],
      ["INFO"],
      ["NOSUCH"],
      ["HELLO", "3"],
    ];
    for (const args of commands) expect(await ask(broker.port, request(...args))).toMatch(/^-NOAUTH /);
    expect(await ask(broker.port, request("QUIT"))).toBe("+OK\r\n");
    expect(await broker.store.size(QUEUE)).toBe(0);
  });

  it.each([
    ["AUTH", ["AUTH", PASSWORD]],
    ["AUTH with the user", ["AUTH", "default", PASSWORD]],
    ["HELLO", ["HELLO", "3", "AUTH", "default", PASSWORD, "SETNAME", "me"]],
  ])("is taken by %s", async (_how, args) => {
    expect(await ask(broker.port, request(...args) + request("PING"))).toMatch(/\+PONG\r\n$/);
    expect(broker.counters.wrongPasswords).toBe(0);
  });

  it("is asked for again after RESET", async () => {
    const answers = await ask(broker.port, request("AUTH", PASSWORD) + request("RESET") + request("PING"));
    expect(answers).toMatch(/^\+OK\r\n\+RESET\r\n-NOAUTH /);
  });

  it("isn't another one, nor another user's", async () => {
    for (const args of [[`${PASSWORD}x`], [""], ["other", PASSWORD], ["default", "wrong"]])
      expect(await ask(broker.port, request("AUTH", ...args) + request("PING"))).toMatch(
        /^-WRONGPASS .*\r\n-NOAUTH /,
      );
    expect(await ask(broker.port, request("HELLO", "2", "AUTH", "default", "wrong"))).toMatch(/^-WRONGPASS /);
    expect(broker.counters.wrongPasswords).toBe(5);
  });

  it("is said nowhere", async () => {
    const attempts = [
      ["AUTH", "a", PASSWORD],
      ["AUTH", PASSWORD, "a", "b"],
      ["NOSUCH", PASSWORD],
      ["HELLO", "2", PASSWORD],
    ];
    for (const args of attempts) {
      const answer = await ask(
        broker.port,
        request("AUTH", PASSWORD) + request(...args) + request("CLIENT", "LIST"),
      );
      expect(answer).not.toContain(PASSWORD);
    }
    expect(broker.log()).not.toContain(PASSWORD);
  });

  it("must be given in time", async () => {
    await use({ password: PASSWORD, loginTimeout: milliseconds(200) });
    const silent = await connectRaw(broker.port);
    const trickle = await connectRaw(broker.port);
    trickle.send(request("PING"));
    const friend = await connectRaw(broker.port);
    friend.send(request("AUTH", PASSWORD));
    expect(await silent.closed).toMatch(/^-NOAUTH [^\r]*\r\n$/);
    expect(await trickle.closed).toMatch(/^-NOAUTH [^\r]*\r\n-NOAUTH [^\r]*\r\n$/);
    expect(broker.counters.loginTimeouts).toBe(2);
    friend.send(request("PING"));
    await friend.receives("+PONG");
    friend.send(request("RESET"));
    expect(await friend.closed).toMatch(/\+RESET\r\n-NOAUTH /);
  });

  it("hasn't been given by those that make room for others first, though they came last", async () => {
    await use({ password: PASSWORD, maxConnections: 2 });
    const friend = await connectRaw(broker.port);
    friend.send(request("AUTH", PASSWORD));
    await friend.receives("+OK");
    const stranger = await connectRaw(broker.port);
    const connected = performance.now();
    await until("both to be idle for a second", () => performance.now() - connected > 1_100);
    expect(await ask(broker.port, request("AUTH", PASSWORD))).toBe("+OK\r\n");
    expect(await stranger.closed).toBe("");
    friend.send(request("PING"));
    await friend.receives("+PONG");
    friend.socket.destroy();
  });

  it("must be given before long requests are read", async () => {
    const long = request("PING", "x".repeat(20_000));
    expect(await ask(broker.port, long)).toMatch(/^-ERR Protocol error/);
    expect(await ask(broker.port, request("AUTH", PASSWORD) + long)).toMatch(/^\+OK\r\n\$20000\r\n/);
  });
});
