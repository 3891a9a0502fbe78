/** The gateway outputs, with a real broker, and with a server that answers as a test says. */
import { createServer, type Socket } from "node:net";
import { deflateRawSync } from "node:zlib";
import { queueNames } from "@chouette-iot/queue";
import { DEFAULT_ADDRESS } from "@chouette-iot/queue/resp/address";
import { addToSketch, newSketch, seconds } from "@chouette-iot/record";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { brokerPerTest } from "../../../../tests/support/broker.js";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { listen } from "../../../../tests/support/listening.js";
import { until } from "../../../../tests/support/until.js";
import { openGateway } from "./gateway.js";
import { GatewaySession } from "./gateway-session.js";
import type { Outputs } from "./open-outputs.js";
import type { Place } from "./output.js";
import { MAX_RECEIPT_LENGTH, readReceipt, writeReceipt } from "./receipt.js";

const STORE = "store-01";
const QUEUES = queueNames();
const NOW = 1_800_000_000;
const cleanUps = cleanUpsAfterEach();

const log = (message: string) => ({ message, ddtags: [] });
const place = (id: string, score = NOW): Place => ({ id, score });

function open(port: number, options: Partial<typeof DEFAULT_ADDRESS> = {}): Outputs {
  const outputs = openGateway({
    address: { ...DEFAULT_ADDRESS, port, ...options },
    hostName: () => "near",
  });
  cleanUps.push(() => outputs.logs.close());
  return outputs;
}

describe("with an embedded broker, the gateway output", () => {
  const { current: broker } = brokerPerTest();
  let outputs: Outputs;
  beforeEach(() => {
    outputs = open(broker().port);
  });

  const stored = async (queue: string) => {
    const page = await broker().store.read(queue, { limit: 10 });
    return page.map(({ score, id, value }) => [score, id, JSON.parse(value ?? "")]);
  };
  const countOf = (queue: string) => broker().store.size(queue);

  it("stores each kind of record in its queue, with its time and host, under an id of its store", async () => {
    const sketch = newSketch();
    addToSketch(sketch, 1);
    const tags = ["a:b"];
    const far = { host: "far" };
    const metric = { metric: "m", type: "gauge" as const, tags, points: [[seconds(NOW), 1]] as const };
    const event = { title: "t", text: "ö", date_happened: seconds(NOW), tags };
    const check = { check: "c", status: 0 as const, timestamp: seconds(NOW), tags };
    const distribution = { metric: "d", tags, at: seconds(NOW), sketch };
    const places = [place("1000.2.000003", NOW), place("b", NOW + 0.5)];
    for (const output of Object.values(outputs)) {
      expect(await output.resume?.(STORE)).toEqual({ kind: "resumed", accepted: [] });
      expect(await output.check()).toEqual({ kind: "delivered", bytes: 0 });
    }
    const outcomes = [
      await outputs.metrics.send([metric, { ...metric, ...far }], undefined, places),
      await outputs.logs.send([log("ö"), { ...log("m"), ...far }], undefined, places),
      await outputs.events.send([event, { ...event, ...far }], undefined, places),
      await outputs.checks.send([check, { ...check, host_name: "far" }], undefined, places),
      await outputs.sketches.send([distribution, { ...distribution, ...far }], undefined, places),
    ];
    for (const { kind, bytes } of outcomes) {
      expect(kind).toBe("delivered");
      expect(bytes).toBeGreaterThan(300);
    }
    const hosts = { [QUEUES.checks]: "host_name" };
    const names = [QUEUES.readyMetrics, QUEUES.logs, QUEUES.events, QUEUES.checks, QUEUES.sketches];
    for (const queue of names) {
      const host = hosts[queue] ?? "host";
      expect(await stored(queue)).toEqual([
        [NOW, `1000.000002.000003@${STORE}`, expect.objectContaining({ [host]: "near" })],
        [NOW + 0.5, `b@${STORE}`, expect.objectContaining({ [host]: "far" })],
      ]);
    }
    expect((await stored(QUEUES.readyMetrics))[1]?.[2]).toEqual({ ...metric, ...far });
    // All of it on one connection.
    expect(broker().counters.connections).toBe(1);
  });

  it("counts the bytes of a batch as they are on the wire", async () => {
    await outputs.logs.resume?.(STORE);
    const ascii = await outputs.logs.send([log("o".repeat(1_000))], undefined, [place("a")]);
    const accents = await outputs.logs.send([log("ö".repeat(1_000))], undefined, [place("b")]);
    expect(accents.bytes - ascii.bytes).toBe(1_000);
  });

  it("returns what the last batch of each queue was, also to an agent that starts again", async () => {
    await outputs.logs.resume?.(STORE);
    await outputs.events.resume?.(STORE);
    const first = [place("a", NOW), place("b", NOW + 0.25)];
    await outputs.logs.send([log("a"), log("b")], undefined, first);
    const event = { title: "t", text: "", date_happened: seconds(NOW), tags: [] };
    await outputs.events.send([event], undefined, [place("e")]);
    const again = open(broker().port);
    for (const { logs, events, checks } of [outputs, again]) {
      expect(await logs.resume?.(STORE)).toEqual({ kind: "resumed", accepted: first });
      expect(await events.resume?.(STORE)).toEqual({ kind: "resumed", accepted: [place("e")] });
      expect(await checks.resume?.(STORE)).toEqual({ kind: "resumed", accepted: [] });
      expect(await logs.resume?.("another1")).toEqual({ kind: "resumed", accepted: [] });
    }
  });

  it("keeps a receipt for 31 days, longer than records live, under a key of its store and queue", async () => {
    await outputs.logs.resume?.(STORE);
    await outputs.logs.send([log("a")], undefined, [place("a")]);
    const keys = [`chouette:client:${STORE}:${QUEUES.logs}`, `chouette:client:${STORE}`];
    const texts = await broker().store.state(keys);
    for (const text of texts) {
      const days = (Number(text?.split(" ")[0]) - Date.now()) / 86_400_000;
      expect(days).toBeGreaterThan(30.99);
      expect(days).toBeLessThanOrEqual(31);
    }
    expect(readReceipt(texts[0]?.split(" ")[1] ?? "")).toEqual([place("a")]);
  });

  it("sends nothing before the receipt was read, nor for a queue whose receipt wasn't", async () => {
    const send = () => outputs.logs.send([log("a")], undefined, [place("a")]);
    expect(await send()).toEqual({
      ...{ kind: "unavailable", answered: false, bytes: 0 },
      reason: "the gateway's receipt must be read first",
    });
    await outputs.events.resume?.(STORE);
    expect(await send()).toMatchObject({ kind: "unavailable", bytes: 0 });
    expect(await countOf(QUEUES.logs)).toBe(0);
    await outputs.logs.resume?.(STORE);
    expect(await send()).toMatchObject({ kind: "delivered" });
  });

  it("of another store must read its own receipts first", async () => {
    await outputs.logs.resume?.(STORE);
    await outputs.events.resume?.("another1");
    expect(await outputs.logs.send([log("a")], undefined, [place("a")])).toMatchObject({ bytes: 0 });
    expect(await countOf(QUEUES.logs)).toBe(0);
  });

  it("continues on a new connection if nobody has stored anything meanwhile", async () => {
    await outputs.logs.resume?.(STORE);
    await outputs.logs.send([log("a")], undefined, [place("a")]);
    await outputs.logs.close();
    expect(await outputs.logs.send([log("b")], undefined, [place("b")])).toMatchObject({ kind: "delivered" });
    expect(await countOf(QUEUES.logs)).toBe(2);
  });

  it.each([
    ["on a kept connection", false],
    ["on a new one", true],
  ])("stores nothing after another agent of its store has, before it has read the receipt again: %s", async (_, isClosed) => {
    const other = open(broker().port);
    for (const each of [outputs, other]) await each.logs.resume?.(STORE);
    expect(await other.logs.send([log("other")], undefined, [place("other")])).toMatchObject({
      kind: "delivered",
    });
    if (isClosed) await outputs.logs.close();
    const outcome = await outputs.logs.send([log("late")], undefined, [place("late")]);
    expect(outcome).toMatchObject({ kind: "unavailable", answered: false });
    expect(outcome.bytes > 0).toBe(!isClosed);
    // Not on its next connection either.
    expect(await outputs.logs.send([log("late")], undefined, [place("late")])).toMatchObject({ bytes: 0 });
    expect(await countOf(QUEUES.logs)).toBe(1);
    expect(await outputs.logs.resume?.(STORE)).toEqual({ kind: "resumed", accepted: [place("other")] });
    expect(await outputs.logs.send([log("late")], undefined, [place("late")])).toMatchObject({
      kind: "delivered",
    });
    expect(await countOf(QUEUES.logs)).toBe(2);
  });

  it("stores batches that are sent at the same time one after another", async () => {
    for (const { resume } of [outputs.logs, outputs.events]) await resume?.(STORE);
    const event = { title: "t", text: "", date_happened: seconds(NOW), tags: [] };
    const outcomes = await Promise.all([
      outputs.logs.send([log("a")], undefined, [place("a")]),
      outputs.events.send([event], undefined, [place("e")]),
      outputs.logs.send([log("b")], undefined, [place("b")]),
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["delivered", "delivered", "delivered"]);
    expect(await countOf(QUEUES.logs)).toBe(2);
  });

  it("isn't available once the broker is gone, and names it", async () => {
    const { port } = broker();
    await outputs.logs.resume?.(STORE);
    await broker().close();
    expect(await outputs.logs.send([log("a")], undefined, [place("a")])).toMatchObject({
      ...{ kind: "unavailable", answered: false },
    });
    expect(await outputs.logs.resume?.(STORE)).toEqual({
      ...{ kind: "unavailable", answered: false, bytes: 0 },
      reason: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  it("sends nothing once it is given up", async () => {
    await outputs.logs.resume?.(STORE);
    const outcome = await outputs.logs.send([log("a")], AbortSignal.abort(), [place("a")]);
    expect(outcome).toMatchObject({ kind: "unavailable", answered: false, bytes: 0 });
    expect(await outputs.logs.resume?.(STORE, AbortSignal.abort())).toMatchObject({ kind: "unavailable" });
    expect(await countOf(QUEUES.logs)).toBe(0);
    // The connection isn't lost by it.
    expect(await outputs.logs.send([log("a")], undefined, [place("a")])).toMatchObject({ kind: "delivered" });
    expect(broker().counters.connections).toBe(1);
  });

  it("takes a batch of a thousand records or four megabytes, and asks for as few parts as more needs", async () => {
    await outputs.logs.resume?.(STORE);
    const places = (count: number) => Array.from({ length: count }, (_, index) => place(`${index}`));
    const many = (count: number) =>
      outputs.logs.send(
        places(count).map(({ id }) => log(id)),
        undefined,
        places(count),
      );
    expect(await many(1_000)).toMatchObject({ kind: "delivered" });
    expect(await many(1_001)).toMatchObject({ kind: "too-large", parts: 2, foundBy: "output", bytes: 0 });
    expect(await many(2_001)).toMatchObject({ kind: "too-large", parts: 3 });
    const size = JSON.stringify({ ...log(""), host: "near" }).length;
    const long = (lengths: readonly number[]) =>
      outputs.logs.send(
        lengths.map((length) => log("x".repeat(length - size))),
        undefined,
        places(lengths.length),
      );
    const half = 2 * 1024 * 1024;
    expect(await long([half, half])).toMatchObject({ kind: "delivered" });
    expect(await long([half, half - size, size + 1])).toMatchObject({ kind: "too-large", parts: 2 });
    expect(await long([half, half, half, half, size])).toMatchObject({ kind: "too-large", parts: 3 });
    expect(await countOf(QUEUES.logs)).toBe(1_000);
  });

  it("asks for parts whose receipts fit", async () => {
    const ids = Array.from({ length: 900 }, () =>
      Array.from({ length: 150 }, () => Math.random().toString(36)[2]).join(""),
    );
    const places = ids.map((id) => place(id, Math.random() * NOW));
    const { length } = writeReceipt(places);
    expect(length).toBeGreaterThan(MAX_RECEIPT_LENGTH);
    await outputs.logs.resume?.(STORE);
    expect(await outputs.logs.send(ids.map(log), undefined, places)).toMatchObject({
      ...{ kind: "too-large", parts: Math.ceil(length / MAX_RECEIPT_LENGTH), foundBy: "output" },
    });
  });

  it("refuses a record that is too long or can't be written, and sends nothing", async () => {
    await outputs.logs.resume?.(STORE);
    const long = await outputs.logs.send([log("a"), log("x".repeat(2 * 1024 * 1024))], undefined, [
      place("a"),
      place("b"),
    ]);
    expect(long).toMatchObject({
      kind: "refused",
      foundBy: "output",
      bytes: 0,
      reason: expect.stringContaining("2097152 bytes"),
    });
    const unwritable = {
      metric: "m",
      type: "gauge" as const,
      tags: [],
      points: [[seconds(NOW), Number.NaN]] as const,
    };
    expect(await outputs.metrics.send([unwritable], undefined, [place("a")])).toEqual({
      ...{ kind: "refused", foundBy: "output", bytes: 0 },
      reason: "can't be encoded: JSON can't represent it",
    });
    expect(await countOf(QUEUES.logs)).toBe(0);
  });
});

/** A command of a client, and how the server answers it: in Redis' protocol, or with the end of the connection. */
type Answering = (command: readonly string[], socket: Socket) => string | undefined;

/** A server of Redis' protocol that is no Redis. */
async function startServer(answer: Answering) {
  const commands: string[][] = [];
  const server = createServer((socket) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      for (let parsed = parse(text); parsed !== undefined; parsed = parse(text)) {
        text = parsed.rest;
        commands.push(parsed.command);
        const reply = answer(parsed.command, socket);
        if (reply !== undefined && !socket.destroyed) socket.write(reply);
      }
    });
  });
  const { port, sockets, stop } = await listen(server);
  cleanUps.push(stop);
  return { port, sockets, commands };
}

/** The first command of a text, if it is complete. */
function parse(text: string): { readonly command: string[]; readonly rest: string } | undefined {
  const count = Number(/^\*(\d+)\r\n/.exec(text)?.[1]);
  if (!(count > 0)) return undefined;
  let at = text.indexOf("\n") + 1;
  const command: string[] = [];
  for (let index = 0; index < count; index++) {
    const end = text.indexOf("\r\n", at);
    const length = Number(text.slice(at + 1, end));
    if (end < 0 || end + 2 + length + 2 > text.length) return undefined;
    command.push(text.slice(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  return { command, rest: text.slice(at) };
}

/** As a Redis that has stored nothing yet, except for what `change` answers. */
function redisLike(change: Answering = () => undefined): Answering {
  let fence = "$-1\r\n";
  let queued: string[][] | undefined;
  return (command, socket) => {
    const changed = change(command, socket);
    if (changed !== undefined || socket.destroyed) return changed;
    const [name = "", key = "", value = ""] = command;
    if (name === "MULTI") queued = [];
    if (name === "MULTI" || name === "WATCH") return "+OK\r\n";
    if (name === "EXEC") {
      for (const [, , text = ""] of queued ?? []) fence = `$${text.length}\r\n${text}\r\n`;
      queued = undefined;
      return "*4\r\n:1\r\n:1\r\n+OK\r\n+OK\r\n";
    }
    if (name === "SET" && queued !== undefined && !key.includes(":", "chouette:client:".length))
      queued.push([name, key, value]);
    if (queued !== undefined) return "+QUEUED\r\n";
    if (name === "GET") return key.includes(":", "chouette:client:".length) ? "$-1\r\n" : fence;
    return ":0\r\n";
  };
}

describe("with a server that answers as a test says, the gateway output", () => {
  const send = (outputs: Outputs, id = "a") => outputs.logs.send([log(id)], undefined, [place(id)]);

  it.each([
    ["nothing", {}, []],
    ["a password", { password: "pass" }, [["AUTH", "pass"]]],
    ["a user with one", { username: "owl", password: "pass" }, [["AUTH", "owl", "pass"]]],
    ["a user without", { username: "owl" }, [["AUTH", "owl", ""]]],
    ["a database", { database: 3 }, [["SELECT", "3"]]],
    [
      "all",
      { username: "owl", password: "pass", database: 3 },
      [
        ["AUTH", "owl", "pass"],
        ["SELECT", "3"],
      ],
    ],
  ] as const)("logs in with what the address has, before anything else: %s", async (_, address, login) => {
    const { port, commands } = await startServer(redisLike());
    const outputs = open(port, address);
    expect(await outputs.logs.resume?.(STORE)).toMatchObject({ kind: "resumed" });
    const key = `chouette:client:${STORE}`;
    expect(commands).toEqual([
      ...login,
      ["WATCH", key],
      ["GET", key],
      ["GET", `${key}:${QUEUES.logs}`],
      ["ZCARD", `${QUEUES.logs}.keys`],
      ["HLEN", `${QUEUES.logs}.values`],
    ]);
    expect(await send(outputs)).toMatchObject({ kind: "delivered" });
  });

  it.each([
    "AUTH",
    "SELECT",
    "WATCH",
    "GET",
    "ZCARD",
    "HLEN",
  ])("isn't resumed if the server refuses its %s", async (name) => {
    let isRefused = true;
    const { port, sockets } = await startServer(
      redisLike(([command]) => (isRefused && command === name ? "-WRONG no\r\n" : undefined)),
    );
    const outputs = open(port, { password: "pass", database: 3 });
    expect(await outputs.logs.resume?.(STORE)).toEqual({
      ...{ kind: "unavailable", answered: false, bytes: 0, reason: `127.0.0.1:${port}: WRONG no` },
    });
    await until("the connection to be closed", () => sockets.size === 0);
    expect(await send(outputs)).toMatchObject({ kind: "unavailable", bytes: 0 });
    isRefused = false;
    expect(await outputs.logs.resume?.(STORE)).toMatchObject({ kind: "resumed" });
    expect(await send(outputs)).toMatchObject({ kind: "delivered" });
  });

  it.each([
    ["a command inside", "HSET", "-OOM no memory\r\n", "OOM no memory"],
    ["the first of several", "ZADD", "-OOM no memory\r\n", "OOM no memory"],
    ["EXEC alone", "EXEC", "-READONLY a replica\r\n", "READONLY a replica"],
    ["a command that is executed", "EXEC", "*3\r\n:1\r\n-WRONGTYPE a list\r\n+OK\r\n", "WRONGTYPE a list"],
    ["EXEC, with something else", "EXEC", "+QUEUED\r\n", "unexpected reply"],
  ])("has nothing stored, and a reason, if the server refuses %s", async (_, name, reply, reason) => {
    let isRefused = true;
    const { port, sockets } = await startServer(
      redisLike(([command]) => {
        if (!isRefused) return undefined;
        if (command === name) return reply;
        return command === "EXEC" ? "-EXECABORT discarded\r\n" : undefined;
      }),
    );
    const outputs = open(port);
    await outputs.logs.resume?.(STORE);
    const outcome = await send(outputs);
    expect(outcome).toEqual({ kind: "unavailable", answered: true, reason, bytes: expect.any(Number) });
    expect(outcome.bytes).toBeGreaterThan(300);
    await until("the connection to be closed", () => sockets.size === 0);
    isRefused = false;
    expect(await send(outputs)).toMatchObject({ kind: "unavailable", bytes: 0 });
    await outputs.logs.resume?.(STORE);
    expect(await send(outputs)).toMatchObject({ kind: "delivered" });
  });

  it("doesn't know whether a batch is stored whose connection ends before the answer", async () => {
    const { port } = await startServer(
      redisLike(([command], socket) => {
        if (command === "EXEC") socket.destroy();
        return undefined;
      }),
    );
    const outputs = open(port);
    await outputs.logs.resume?.(STORE);
    const outcome = await send(outputs);
    expect(outcome).toMatchObject({ kind: "unavailable", answered: false });
    expect(outcome.bytes).toBeGreaterThan(300);
  });

  it.each([
    ["another fence", "GET", "$5\r\nother\r\n"],
    ["a refused watch", "WATCH", "-NOPERM\r\n"],
  ])("has a batch stored, and reads receipts again, if that ends with %s", async (_, name, reply) => {
    let isChanged = false;
    const { port, sockets } = await startServer(
      redisLike(([command]) => {
        if (command === "EXEC") isChanged = true;
        return isChanged && command === name ? reply : undefined;
      }),
    );
    const outputs = open(port);
    for (const { resume } of [outputs.logs, outputs.events]) await resume?.(STORE);
    expect(await send(outputs)).toMatchObject({ kind: "delivered" });
    await until("the connection to be closed", () => sockets.size === 0);
    if (name === "WATCH") isChanged = false;
    const event = { title: "t", text: "", date_happened: seconds(NOW), tags: [] };
    const next = await outputs.events.send([event], undefined, [place("e")]);
    expect(next.kind).toBe(name === "WATCH" ? "delivered" : "unavailable");
  });

  it("reads receipts again if the server says that the fence was changed, and sends nothing until then", async () => {
    let isFirst = true;
    const { port, sockets } = await startServer(
      redisLike(([command]) => {
        if (command !== "EXEC" || !isFirst) return undefined;
        isFirst = false;
        return "*-1\r\n";
      }),
    );
    const outputs = open(port);
    await outputs.logs.resume?.(STORE);
    expect(await send(outputs)).toMatchObject({
      ...{ kind: "unavailable", answered: false },
      reason: "another connection stored records of this agent meanwhile",
    });
    await until("the connection to be closed", () => sockets.size === 0);
    expect(await send(outputs)).toMatchObject({ bytes: 0 });
    await outputs.logs.resume?.(STORE);
    expect(await send(outputs)).toMatchObject({ kind: "delivered" });
  });

  it("is given up in the middle of a batch, which may be stored or not", async () => {
    const ending = new AbortController();
    const { port, sockets } = await startServer(
      redisLike(([command]) => {
        if (command !== "EXEC") return undefined;
        ending.abort();
        return "";
      }),
    );
    const outputs = open(port);
    await outputs.logs.resume?.(STORE);
    const outcome = await outputs.logs.send([log("a")], ending.signal, [place("a")]);
    expect(outcome).toMatchObject({ kind: "unavailable", answered: false, reason: "given up" });
    expect(outcome.bytes).toBeGreaterThan(300);
    await until("the connection to be closed", () => sockets.size === 0);
  });

  it("isn't touched by a signal after its batch", async () => {
    const { port, sockets } = await startServer(redisLike());
    const outputs = open(port);
    const ending = new AbortController();
    await outputs.logs.resume?.(STORE, ending.signal);
    expect(await outputs.logs.send([log("a")], ending.signal, [place("a")])).toMatchObject({
      kind: "delivered",
    });
    ending.abort();
    const [socket] = sockets;
    expect(await send(outputs, "b")).toMatchObject({ kind: "delivered" });
    expect([...sockets]).toEqual([socket]);
  });

  describe("and a clock that is moved on", () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
    afterEach(() => void vi.useRealTimers());

    /** The time after which a call ends, in seconds, if the server is silent from a command on. */
    async function silentFrom(name: string, call: (outputs: Outputs) => Promise<unknown>, isFirst: boolean) {
      let isSilent = isFirst;
      let heard = () => {};
      const received = new Promise<void>((resolve) => {
        heard = resolve;
      });
      const { port } = await startServer(
        redisLike(([command]) => {
          if (!isSilent || command !== name) return undefined;
          heard();
          return "";
        }),
      );
      const outputs = open(port);
      if (!isFirst) await outputs.logs.resume?.(STORE);
      isSilent = true;
      let outcome: unknown;
      const called = call(outputs).then((answer) => {
        outcome = answer;
      });
      await received;
      let passed = 0;
      for (; outcome === undefined && passed < 1_000; passed++) {
        await vi.advanceTimersByTimeAsync(1_000);
        await new Promise(setImmediate);
      }
      await called;
      return { outcome, passed, port };
    }

    it("gives a silent server 10 s to log in", async () => {
      const { outcome, passed, port } = await silentFrom(
        "WATCH",
        async ({ logs }) => logs.resume?.(STORE),
        true,
      );
      expect(passed).toBe(10);
      const reason = `127.0.0.1:${port} didn't answer for 10 s`;
      expect(outcome).toEqual({ kind: "unavailable", answered: false, bytes: 0, reason });
    });

    it("gives a silent server 30 s to return a receipt", async () => {
      const { outcome, passed } = await silentFrom("HLEN", async ({ logs }) => logs.resume?.(STORE), false);
      expect(passed).toBe(30);
      expect(outcome).toMatchObject({ reason: expect.stringContaining("didn't answer for 30 s") });
    });

    it("gives a silent server as much time for a batch as it takes on a slow link, and 30 s", async () => {
      const text = "x".repeat(200 * 1024);
      const { outcome, passed } = await silentFrom(
        "EXEC",
        ({ logs }) => logs.send([log(text)], undefined, [place("a")]),
        false,
      );
      // 16 kbit/s.
      expect(passed).toBe(131);
      expect(outcome).toMatchObject({
        answered: false,
        reason: expect.stringContaining("didn't answer for 130 s"),
      });
    });
  });
});

it("a gateway session that is closed connects again when it is used, and closing it twice is no error", async () => {
  const { port, sockets } = await startServer(redisLike());
  const session = new GatewaySession({ ...DEFAULT_ADDRESS, port });
  session.close();
  expect(await session.resume(STORE, "q")).toBeNull();
  session.close();
  session.close();
  await until("the connection to be closed", () => sockets.size === 0);
  expect(await session.resume(STORE, "q")).toBeNull();
  session.close();
});

describe("a receipt", () => {
  it("is what was written", () => {
    const places = [place("a", 1.5), place("ö\ud800", -1)];
    expect(readReceipt(writeReceipt(places))).toEqual(places);
    expect(readReceipt(writeReceipt([]))).toEqual([]);
  });

  it("is short: ids that resemble one another cost little", () => {
    const places = Array.from({ length: 1_000 }, (_, index) => place(`1800000000.0.${index}`));
    expect(writeReceipt(places).length).toBeLessThan(6_000);
  });

  it.each([
    ["no list", "{}"],
    ["an entry that is no pair", "[7]"],
    ["an entry without a time", '[["1","a"]]'],
    ["an entry without an id", "[[1,2]]"],
    ["no JSON", "["],
  ])("isn't read if it has %s", (_, text) => {
    expect(() => readReceipt(deflateRawSync(text).toString("base64"))).toThrow();
  });

  it("isn't read if it inflates to more than any agent writes", () => {
    // Blanks are valid around JSON.
    const receipt = (length: number) =>
      deflateRawSync(Buffer.alloc(length, " ").fill("[]", length - 2), { level: 1 }).toString("base64");
    expect(readReceipt(receipt(15 * 1024 * 1024))).toEqual([]);
    expect(() => readReceipt(receipt(17 * 1024 * 1024))).toThrow();
  });
});
