/** In a Cluster there is a sender for each shard, and the application hears of them as of one. */
import { shardNamespace } from "@chouette-iot/queue";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newFolder } from "../../../tests/support/folders.js";
import { array, failure, type RespServer, startRespServer } from "../../../tests/support/resp-server.js";
import { until } from "../../../tests/support/until.js";
import { BATCH_RECORDS } from "./batch.js";
import { type ChouetteClientOptions, readSettings } from "./options.js";
import { Outbox } from "./outbox.js";
import { addRow, emptyRows } from "./rows.js";
import { Senders } from "./senders.js";
import { ShardQueues } from "./shard-queues.js";
import { Spill } from "./spill/spill.js";

const SHARDS = 3;
let server: RespServer;
let folder: Awaited<ReturnType<typeof newFolder>>;
let outbox: Outbox;
let senders: Senders;
let spill: Spill | undefined;
let received: string[];
let stored: number;

beforeEach(async () => {
  server = await startRespServer();
  folder = await newFolder();
  received = [];
  stored = 0;
  spill = undefined;
});
afterEach(async () => {
  senders.close();
  await server.stop();
  await folder.remove();
});

function start(options: ChouetteClientOptions = {}): void {
  const given = { port: server.port, answerTimeoutMs: 3_600_000, lingerMs: 5, ...options };
  const settings = readSettings(given, {}, () => {});
  outbox = new Outbox(settings, {
    onWaiting: (queue, full) => senders.wake(queue, full),
    onOverflow: () => {},
  });
  senders = new Senders({
    settings,
    clientId: "me",
    outbox,
    spill,
    shards: settings.shards === undefined ? undefined : new ShardQueues(settings.shards),
    listener: {
      onConnected: () => received.push("connected"),
      onDisconnected: ({ message }) => received.push(`disconnected ${message}`),
      onRefused: ({ message }) => received.push(`refused ${message}`),
      onStored: (records) => {
        stored += records;
      },
    },
  });
}

const queueOf = (shard: number) => `${shardNamespace(shard)}:metrics:raw`;
const add = (shard: number) => outbox.addText(queueOf(shard), `{"metric":"m"}`, "1");
const addToAll = () => Promise.all([0, 1, 2].map(add));

function becomeCluster(): void {
  const slots = array([]);
  server.fault = ({ args }) => (args[0] === "CLUSTER" ? { reply: slots } : undefined);
}

/** The connections that sent batches, with the shards of these. */
function carriers(): ReadonlyMap<number, ReadonlySet<string>> {
  const found = new Map<number, Set<string>>();
  for (const { from, args } of server.requests) {
    if (args[0] !== "ZADD") continue;
    const shard = /\{\d+\}/.exec(args[1] ?? "")?.[0] ?? "none";
    found.set(from, (found.get(from) ?? new Set()).add(shard));
  }
  return found;
}

test("a plain server has one connection for all shards", async () => {
  start({ shards: SHARDS });
  expect(await addToAll()).toEqual([true, true, true]);
  expect([...carriers().values()].map((shards) => [...shards].sort())).toEqual([["{0}", "{1}", "{2}"]]);
  expect([received, stored]).toEqual([["connected"], 3]);
});

test("a Cluster has one for each, which carries nothing else, and is connected once all of them are", async () => {
  becomeCluster();
  start({ shards: SHARDS });
  expect(await addToAll()).toEqual([true, true, true]);
  expect(await addToAll()).toEqual([true, true, true]);
  senders.flushNow();
  await senders.emptied();
  expect([...carriers().values()].map((shards) => [...shards]).sort()).toEqual([["{0}"], ["{1}"], ["{2}"]]);
  expect([new Set(received), stored, outbox.records]).toEqual([new Set(["connected"]), 6, 0]);
  expect(server.sockets.size).toBe(SHARDS);
  senders.close();
  await until("all of them to be closed", () => server.sockets.size === 0);
});

test("the loss of one is reported once, and the connection only when none is lost any more; the others go on", async () => {
  becomeCluster();
  start({ shards: SHARDS });
  await addToAll();
  const [lost = 0] = [...carriers()].find(([, shards]) => shards.has("{1}")) ?? [];
  received.length = 0;
  server.fault = ({ from, args }) =>
    (from === lost && args[0] === "MULTI") || args[1] === "chouette:{1}:shards" ? "cut" : undefined;
  const answer = add(1);
  await until("the loss", () => received.length > 0);
  expect(await Promise.all([add(0), add(2)])).toEqual([true, true]);
  const attempts = () => server.requests.filter(({ args }) => args[1] === "chouette:{1}:shards").length;
  const before = attempts();
  await until("some attempts", () => attempts() > before + 2);
  // The error of the lost connection, and that of the attempts.
  expect(received.map((event) => event.split(" ")[0])).toEqual(
    ["disconnected", "disconnected"].slice(0, received.length),
  );
  expect(new Set(received).size).toBe(received.length);
  received.length = 0;
  becomeCluster();
  expect(await answer).toBe(true);
  await until("the connection", () => received.includes("connected"));
  expect([received, stored]).toEqual([["connected"], 6]);
});

test("a refusal is reported once until something is stored, and by each shard's sender alone", async () => {
  start({ shards: SHARDS });
  await addToAll();
  received.length = 0;
  let refusals = 0;
  server.fault = ({ args }) =>
    args[0] === "ZADD" && refusals++ < 3 ? { reply: failure("OOM full") } : undefined;
  expect(await add(0)).toBe(true);
  expect([received, refusals]).toEqual([["refused OOM full"], 4]);
  refusals = 2;
  expect(await add(0)).toBe(true);
  expect(received).toEqual(["refused OOM full", "refused OOM full"]);
});

test("a Cluster that is found when they are closed is connected to no more", async () => {
  start({ shards: SHARDS });
  let opened = 0;
  server.fault = ({ from, args }) => {
    opened = from;
    if (args[0] !== "CLUSTER") return undefined;
    senders.close();
    return { reply: array([]) };
  };
  const answers = [0, 1, 2].map(add);
  await until("the Cluster to be found", () => opened > 0 && server.sockets.size === 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([outbox.records, server.sockets.size, received]).toEqual([3, 0, []]);
  // The search for the server of the first shard, and the connection to it.
  expect(opened).toBeLessThanOrEqual(2);
  expect(answers).toHaveLength(3);
});

test("without shards, a Cluster adds no senders", async () => {
  start();
  expect(await outbox.addText("chouette:metrics:raw", "{}", "1")).toBe(true);
  senders.flushNow();
  expect([server.sockets.size, received, stored]).toEqual([1, ["connected"], 1]);
});

test("a batch is sent when it is full, or after the linger time", async () => {
  start({ lingerMs: 3_600_000 });
  let answer = Promise.resolve(false);
  for (let record = 0; record < BATCH_RECORDS; record++) answer = outbox.addText("q", "{}", "1");
  expect(await answer).toBe(true);
  const later = outbox.addText("q", "{}", "1");
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(outbox.records).toBe(1);
  senders.flushNow();
  expect(await later).toBe(true);
});

test("the spill is drained to the senders of the shards, and is empty then", async () => {
  becomeCluster();
  spill = new Spill({ folder: folder.path, maxBytes: 1e9 }, "me", {
    onError: () => {},
    onSpillDropped: () => {},
    onRecovered: () => {},
  });
  const rows = emptyRows("chouette:metrics:raw");
  for (let id = 0; id < 30; id++) addRow(rows, "1", `${id}`, `{"metric":"m${id}"}`);
  spill.write(rows);
  const theirs = { marker: "chouette:{2}:client:gone:1", sequence: "1", carrier: undefined };
  spill.write({ ...rows, ids: rows.ids.map((id) => `again${id}`) }, theirs);
  start({ shards: SHARDS });
  let isEmptied = false;
  const emptied = senders.emptied().then(() => {
    isEmptied = true;
  });
  await Promise.resolve();
  expect(isEmptied).toBe(false);
  senders.wakeAll();
  await emptied;
  expect([spill.isEmpty, stored]).toEqual([true, 60]);
  for (const shard of [0, 1, 2]) expect(server.records(queueOf(shard)).size).toBeGreaterThan(0);
  expect([...carriers().values()].every(({ size }) => size === 1)).toBe(true);
  const asked = server.requests.find(({ args }) => args[0] === "GET" && args[1] === theirs.marker);
  expect([...(carriers().get(asked?.from ?? 0) ?? [])]).toEqual(["{2}"]);
});

test("without shards, the spill is drained as it is", async () => {
  spill = new Spill({ folder: folder.path, maxBytes: 1e9 }, "me", {
    onError: () => {},
    onSpillDropped: () => {},
    onRecovered: () => {},
  });
  const rows = emptyRows("chouette:logs:wrapped");
  addRow(rows, "1", "a", `{"metric":"m"}`);
  spill.write(rows);
  start();
  senders.wakeAll();
  await senders.emptied();
  expect([...server.records("chouette:logs:wrapped").keys()]).toEqual(["a"]);
});
