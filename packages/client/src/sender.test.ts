/** When batches are sent, and that each is stored and counted once, through a real outbox and a real connection. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  array,
  failure,
  integer,
  type RespServer,
  simple,
  startRespServer,
} from "../../../tests/support/resp-server.js";
import { until } from "../../../tests/support/until.js";
import { BATCH_RECORDS, type Batch } from "./batch.js";
import { type ChouetteClientOptions, readSettings } from "./options.js";
import { Outbox } from "./outbox.js";
import { Sender } from "./sender.js";
import type { SpillDrain } from "./spill/spill-drain.js";

const QUEUE = "chouette:metrics:raw";
const LONG_MS = 3_600_000;
let server: RespServer;
let outbox: Outbox;
let senders: Sender[];
let received: string[];
let stored: number;

beforeEach(async () => {
  server = await startRespServer();
  senders = [];
  received = [];
  stored = 0;
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const sender of senders) sender.close();
  await server.stop();
});

function start(options: ChouetteClientOptions = {}, spill?: SpillDrain): Sender {
  const settings = readSettings({ port: server.port, answerTimeoutMs: LONG_MS, ...options }, {}, () => {});
  outbox = new Outbox(settings, { onWaiting: (_, full) => sender.wake(full), onOverflow: () => {} });
  const sender: Sender = new Sender(options.shards === undefined ? "chouette" : "chouette:{1}", {
    settings,
    clientId: "me",
    outbox,
    spill,
    listener: {
      onConnected: () => received.push("connected"),
      onDisconnected: () => received.push(sender.isReady ? "disconnected, but ready" : "disconnected"),
      onRefused: ({ message }) => received.push(`refused ${message}`),
      onStored: (records) => {
        stored += records;
        if (records === 0) received.push("stored 0");
      },
    },
    onCluster: () => received.push("cluster"),
  });
  senders.push(sender);
  return sender;
}

/** A sender that is connected and has sent one record. */
async function startConnected(options: ChouetteClientOptions = {}): Promise<Sender> {
  const sender = start(options);
  const answer = add();
  sender.flushNow();
  expect(await answer).toBe(true);
  return sender;
}

let made = 0;
function add(records = 1, queue = QUEUE): Promise<boolean> {
  let answer = Promise.resolve(false);
  for (let record = 0; record < records; record++) answer = outbox.addText(queue, `{"n":${made++}}`, "1");
  return answer;
}

/** The numbers of records in the batches that were sent, in order. */
const batches = () =>
  server.requests.filter(({ args }) => args[0] === "ZADD").map(({ args }) => (args.length - 2) / 2);
const hears = (event: string) => until(event, () => received.includes(event));

describe("records that wait", () => {
  test("are sent together after the linger time; the first ones as soon as the connection is there", async () => {
    start({ lingerMs: 60 });
    const first = add(3);
    expect(await first).toBe(true);
    expect(batches()).toEqual([3]);
    const begun = performance.now();
    const second = add(2);
    add(1);
    expect(await second).toBe(true);
    expect(performance.now() - begun).toBeGreaterThan(55);
    expect(batches()).toEqual([3, 3]);
    // And each time again.
    expect(await add(4)).toBe(true);
    expect(performance.now() - begun).toBeGreaterThan(115);
    expect([batches(), stored, received]).toEqual([[3, 3, 4], 10, ["connected"]]);
  });

  test("are sent without it once their batch is full, and the others wait on", async () => {
    start({ lingerMs: LONG_MS });
    const first = add(BATCH_RECORDS);
    const others = add(1);
    expect(await first).toBe(true);
    // Those were sent with the first connection.
    expect(await others).toBe(true);
    expect(batches()).toEqual([BATCH_RECORDS, 1]);
    const second = add(BATCH_RECORDS);
    void add(1);
    expect(await second).toBe(true);
    await new Promise(setImmediate);
    expect([batches(), outbox.records]).toEqual([[BATCH_RECORDS, 1, BATCH_RECORDS], 1]);
  });

  test("are sent immediately by a flush", async () => {
    const sender = await startConnected({ lingerMs: LONG_MS });
    const answer = add(2);
    sender.flushNow();
    expect(await answer).toBe(true);
    expect(batches()).toEqual([1, 2]);
  });

  test("are sent four batches at a time", async () => {
    const sender = await startConnected({ lingerMs: LONG_MS });
    // To none of the commands: the reply to a later one would be taken for the missing one.
    server.fault = () => ({ reply: "" });
    void add(6 * BATCH_RECORDS);
    await until("four batches", () => batches().length === 5);
    sender.turn();
    sender.turn();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([batches().length, outbox.hasSealed()]).toEqual([5, true]);
  });

  test("open no connection while there are none", async () => {
    const sender = start();
    sender.turn();
    sender.flushNow();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.requests).toEqual([]);
  });
});

describe("a batch", () => {
  test("that the server refuses is reported, and sent again first after a pause", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const sender = start({ lingerMs: 0 });
    expect(await add()).toBe(true);
    expect(sender.isReady).toBe(true);
    let refusals = 0;
    server.fault = ({ args }) =>
      args[0] === "ZADD" && refusals++ < 2 ? { reply: failure("OOM full") } : undefined;
    const begun = performance.now();
    const answers = [add(BATCH_RECORDS), add(2)];
    await hears("refused OOM full");
    sender.turn();
    expect(await Promise.all(answers)).toEqual([true, true]);
    expect(performance.now() - begun).toBeGreaterThan(45);
    const values = [...server.records(QUEUE).values()].map(({ value }) => JSON.parse(value).n);
    expect(values).toHaveLength(1 + BATCH_RECORDS + 2);
    expect([...new Set(values)]).toEqual(values);
    expect(stored).toBe(values.length);
    expect(server.sockets.size).toBe(1);
  });

  test.each([
    "lose",
    "cut",
  ] as const)("whose reply is missing (%s) is looked for on the next connection, and counts once", async (fault) => {
    const sender = start({ lingerMs: 0 });
    expect(await add()).toBe(true);
    let isFirst = true;
    server.fault = ({ args }) => {
      if (args[0] !== "EXEC" || !isFirst) return undefined;
      isFirst = false;
      return fault;
    };
    expect(await add(7)).toBe(true);
    await until("the connection", () => received.length === 3);
    expect(received).toEqual(["connected", "disconnected", "connected"]);
    expect(batches()).toEqual(fault === "lose" ? [1, 7] : [1, 7, 7]);
    expect([server.records(QUEUE).size, stored, outbox.records]).toEqual([8, 8, 0]);
    expect(sender.isReady).toBe(true);
  });

  test("waits while there is no server, and a flush ends the pause", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    server.fault = () => "cut";
    const sender = start({ lingerMs: 0 });
    const answer = add();
    for (let attempt = 1; attempt < 9; attempt++) {
      await until("an attempt", () => received.length >= attempt);
      if (attempt < 8) sender.flushNow();
    }
    server.fault = () => undefined;
    const begun = performance.now();
    sender.flushNow();
    expect(await answer).toBe(true);
    // Success ends the backoff: otherwise the next pause would be five seconds, too.
    const before = received.length;
    for (const socket of server.sockets) socket.destroy();
    await until("the loss", () => received.slice(before).includes("disconnected"));
    expect(await add()).toBe(true);
    expect(performance.now() - begun).toBeLessThan(4_500);
    expect(stored).toBe(2);
  });
});

describe("in doubt", () => {
  /** A sender whose connection has two batches on their way. */
  async function doubting() {
    const sender = await startConnected({ lingerMs: LONG_MS });
    server.fault = ({ args }) => (args[0] === "EXEC" ? "hold" : undefined);
    const answers = [add(BATCH_RECORDS), add(BATCH_RECORDS)];
    await until("the second EXEC", () => server.commands(1).filter((name) => name === "EXEC").length === 2);
    return { sender, answers };
  }

  test("batches are given away only if there is no connection to answer them, or at the exit", async () => {
    const { sender, answers } = await doubting();
    const given: [Batch, string][] = [];
    const take = (batch: Batch, { sequence }: { readonly sequence: string }) =>
      given.push([batch, sequence]) < 2;
    sender.spillInDoubt(false, take);
    expect(given).toEqual([]);
    sender.spillInDoubt(true, take);
    expect(given.map(([batch, sequence]) => [batch.records, sequence])).toEqual([
      [BATCH_RECORDS, "2"],
      [BATCH_RECORDS, "3"],
    ]);
    // The first has left the outbox; the second was declined, and is stored by the connection.
    expect([await answers[0], outbox.records]).toEqual([false, BATCH_RECORDS]);
    server.release();
    expect(await answers[1]).toBe(true);
    expect(stored).toBe(1 + BATCH_RECORDS);
  });

  test("without a connection they are given away in any case", async () => {
    const { sender, answers } = await doubting();
    server.fault = () => "cut";
    for (const socket of server.sockets) socket.destroy();
    await hears("disconnected");
    sender.spillInDoubt(false, () => true);
    expect([await Promise.all(answers), outbox.records]).toEqual([[false, false], 0]);
  });
});

test("a Cluster is reported when it connects, and again when it is disconnected", async () => {
  server.fault = ({ args }) => (args[0] === "CLUSTER" ? { reply: array([]) } : undefined);
  start({ shards: 2, lingerMs: 0 });
  expect(await add()).toBe(true);
  expect(received).toEqual(["cluster", "connected"]);
  for (const socket of server.sockets) socket.destroy();
  await hears("disconnected");
  expect(received.slice(0, 4)).toEqual(["cluster", "connected", "cluster", "disconnected"]);
});

test("once restricted, it sends and seals only its shard's batches", async () => {
  const sender = start({ shards: 2, lingerMs: 0 });
  expect(["chouette:{1}:metrics:raw", "chouette:{0}:logs", "x"].map((key) => sender.isFor(key))).toEqual([
    true,
    true,
    true,
  ]);
  sender.restrict();
  expect(
    ["chouette:{1}:metrics:raw", "chouette:{11}:logs", "chouette:{0}:logs"].map((key) => sender.isFor(key)),
  ).toEqual([true, false, false]);
  void add(1, "chouette:{0}:metrics:raw");
  void add(BATCH_RECORDS, "chouette:{0}:logs");
  sender.flushNow();
  await new Promise((resolve) => setTimeout(resolve, 20));
  // Nothing waits for it.
  expect(server.requests).toEqual([]);
  expect(await add(1, "chouette:{1}:metrics:raw")).toBe(true);
  sender.flushNow();
  const begun = performance.now();
  await until("another linger time to pass", () => performance.now() > begun + 20);
  expect(batches()).toEqual([1]);
  expect([outbox.hasOpen("chouette:{0}:metrics:raw"), outbox.records]).toEqual([true, BATCH_RECORDS + 1]);
});

test("once closed, it sends nothing more, not even at the end of the linger time", async () => {
  const sender = start({ lingerMs: 20 });
  expect(await add()).toBe(true);
  void add(2);
  sender.close();
  expect(sender.isReady).toBe(false);
  await until("its connection to be closed", () => server.sockets.size === 0);
  await new Promise((resolve) => setTimeout(resolve, 30));
  sender.flushNow();
  expect([batches(), server.sockets.size]).toEqual([[1], 0]);
});

describe("work for the spill", () => {
  async function connected() {
    expect(await start().run(async () => ({ kind: "stored" }))).toBe(false);
    const sender = await startConnected({ lingerMs: 0 });
    received.length = 0;
    return sender;
  }

  test("counts as done if it was stored, or nothing had to be", async () => {
    const sender = await connected();
    expect(await sender.run(async () => ({ kind: "stored" }))).toBe(true);
    expect(await sender.run(async () => undefined)).toBe(true);
    // The drain counts the records.
    expect([received, stored]).toEqual([["stored 0"], 1]);
    expect(await sender.run(async () => ({ kind: "doubt" }))).toBe(false);
    expect(sender.isReady).toBe(true);
  });

  test("that is refused, by an outcome or an error, is reported and followed by a pause", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const sender = await connected();
    expect(await sender.run(async () => ({ kind: "refused", error: new Error("full") }))).toBe(false);
    expect([received, sender.isReady]).toEqual([["refused full"], false]);
    await until("the pause to end", () => sender.isReady);
    expect(await sender.run(() => Promise.reject(new Error("no right")))).toBe(false);
    expect([received.at(-1), sender.isReady]).toEqual(["refused no right", false]);
  });

  test("whose connection ends has been reported as that", async () => {
    const sender = await connected();
    server.fault = ({ args }) => (args[0] === "GET" ? "cut" : undefined);
    const done = sender.run(async (connection) => {
      await connection.readMarker("m");
      return undefined;
    });
    expect(await done).toBe(false);
    expect(received).toEqual(["disconnected"]);
  });

  test("is asked for at each turn while it is connected, which it is as long as something is spilled", async () => {
    let runs = 0;
    const spill = { isEmpty: false, run: () => Promise.resolve(void runs++), emptied: async () => {} };
    const sender = start({ lingerMs: 0 }, spill as unknown as SpillDrain);
    sender.turn();
    await hears("connected");
    await until("the drain", () => runs > 0);
    spill.isEmpty = true;
    const before = runs;
    sender.turn();
    expect(runs).toBe(before);
  });
});

test("a reply of the wrong kind ends the connection, and the batch is sent again", async () => {
  start({ lingerMs: 0 });
  let isFirst = true;
  server.fault = ({ args }) => {
    if (args[0] !== "EXEC" || !isFirst) return undefined;
    isFirst = false;
    return { reply: array([integer(1), simple("OK")]) };
  };
  expect(await add(3)).toBe(true);
  await until("the connection", () => received.length === 3);
  expect([received, stored]).toEqual([["connected", "disconnected", "connected"], 3]);
});
