/** Spilled batches on their way to a broker: each is stored once, wherever the way ends. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAddress } from "@chouette-iot/queue/resp/address";
import { newFinder } from "@chouette-iot/queue/resp/cluster-finder";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { type Request, type RespServer, startRespServer } from "../../../../tests/support/resp-server.js";
import { BrokerConnection } from "../broker-connection.js";
import { addRow, emptyRows, type Rows } from "../rows.js";
import { ShardQueues } from "../shard-queues.js";
import { drain, type SpillSender, type SpillTarget } from "./drain.js";
import { NOBODY } from "./owner.js";
import { Spill } from "./spill.js";
import { SpillDrain } from "./spill-drain.js";

const QUEUE = "chouette:metrics:raw";
let server: RespServer;
let folder: Awaited<ReturnType<typeof newFolder>>;
let spill: Spill;
let dropped: [string, number][];
let stored: number;
let connection: BrokerConnection;
let sender: SpillSender & { isReady: boolean };
let turns: number;

beforeEach(async () => {
  server = await startRespServer();
  folder = await newFolder();
  dropped = [];
  stored = 0;
  turns = 0;
  spill = openSpill();
  await reconnect();
  sender = {
    isReady: true,
    run: async (work) => {
      try {
        const outcome = await work(connection);
        return outcome === undefined || outcome.kind === "stored";
      } catch {
        return false;
      }
    },
    turn: () => turns++,
  };
});
afterEach(async () => {
  connection.close();
  await server.stop();
  await folder.remove();
});

const openSpill = () =>
  new Spill({ folder: folder.path, maxBytes: 1e9 }, "me", {
    onError: (error) => {
      throw error;
    },
    onSpillDropped: (reason, records) => void dropped.push([reason, records]),
    onRecovered: () => {},
  });

async function reconnect(): Promise<void> {
  const finder = newFinder(parseAddress(`redis://127.0.0.1:${server.port}`), undefined);
  const options = { namespace: "chouette", shards: undefined, waitReplicas: 0, onLost: () => {} };
  connection = await BrokerConnection.open(finder, options);
}

const target = (given: Partial<SpillTarget> = {}): SpillTarget => ({
  senderOf: () => sender,
  split: (rows) => [{ rows, sender }],
  onStored: (records) => {
    // Nothing is reported for nothing.
    expect(records).toBeGreaterThan(0);
    stored += records;
  },
  ...given,
});

function rowsOf(name: string, records: number, bytes = 0, queue = QUEUE): Rows {
  const rows = emptyRows(queue);
  for (let row = 0; row < records; row++) {
    addRow(rows, "1", `${name}${row}`, JSON.stringify({ metric: `${name}${row}`, pad: "p".repeat(bytes) }));
  }
  return rows;
}

/** Every id in the order in which it was sent, however often. */
const sent = (requests: readonly Request[] = server.requests) =>
  requests.flatMap(({ args: [name, , ...pairs] }) =>
    name === "ZADD" ? pairs.filter((_, index) => index % 2 === 1) : [],
  );
const files = () => readdirSync(folder.path);

test("everything is sent once, oldest first, and the files are removed", async () => {
  spill.write(rowsOf("a", 2, 400_000));
  spill.write(rowsOf("b", 3, 100_000));
  spill.write(rowsOf("c", 1));
  expect(files()).toHaveLength(2);
  expect(await drain(spill, target())).toBeUndefined();
  expect(sent()).toEqual(["a0", "a1", "b0", "b1", "b2", "c0"]);
  expect([...server.texts]).toEqual([
    ["chouette:client:me10", "2"],
    ["chouette:client:me11", "1"],
  ]);
  // The marker of a file is read once.
  expect(server.commands(1).filter((name) => name === "GET")).toHaveLength(2);
  expect([stored, spill.records, files(), dropped]).toEqual([6, 0, [], []]);
});

test.each([
  "lose",
  "cut",
] as const)("a batch whose connection ends (%s) is looked for on the next one, and everything counts once", async (fault) => {
  for (const [index, name] of ["a", "b", "c"].entries()) spill.write(rowsOf(name, index + 1));
  server.fault = ({ args }) => (args[0] === "EXEC" && server.texts.size > 0 ? fault : undefined);
  expect(await drain(spill, target())).toBe(sender);
  expect([stored, spill.records, files().length]).toEqual([1, 5, 1]);
  server.fault = () => undefined;
  await reconnect();
  expect(await drain(spill, target())).toBeUndefined();
  expect([...server.records(QUEUE).keys()]).toEqual(["a0", "b0", "b1", "c0", "c1", "c2"]);
  expect(sent()).toEqual(["a0", "b0", "b1", ...(fault === "lose" ? [] : ["b0", "b1"]), "c0", "c1", "c2"]);
  expect([stored, spill.records, files()]).toEqual([6, 0, []]);
});

test("a batch in doubt is sent only if its marker hasn't its sequence, after the fence of its connection", async () => {
  const carrier = connection.serverSideId;
  server.texts.set("stored", "5").set("earlier", "4");
  for (const marker of ["stored", "earlier", "none"])
    spill.write(rowsOf(marker, 2), { marker, sequence: "5", carrier });
  await reconnect();
  expect(await drain(spill, target())).toBeUndefined();
  expect(sent()).toEqual(["earlier0", "earlier1", "none0", "none1"]);
  expect(stored).toBe(6);
  expect(server.commands(2).slice(1, 3)).toEqual(["CLIENT", "GET"]);
  expect(server.sockets.size).toBe(1);
});

test("a batch in doubt waits for the sender that has its marker; if no sender has it, it is sent", async () => {
  spill.write(rowsOf("a", 1), { marker: "theirs", sequence: "5", carrier: undefined });
  const other: SpillSender = { isReady: false, run: async () => false, turn: () => {} };
  expect(await drain(spill, target({ senderOf: () => other }))).toBe(other);
  expect([sent(), stored]).toEqual([[], 0]);
  expect(await drain(spill, target({ senderOf: () => undefined }))).toBeUndefined();
  expect([sent(), stored]).toEqual([["a0"], 1]);
});

test("a batch of several shards has a marker in each, and goes on with the shard where it ended", async () => {
  const shards = new ShardQueues(3);
  spill.write(rowsOf("m", 20));
  spill.write(rowsOf("l", 5, 0, "chouette:logs:wrapped"));
  const bySplit = target({
    split: (rows, position) => shards.split(rows, position).map((part) => ({ rows: part, sender })),
  });
  server.fault = ({ args }) => (args[0] === "EXEC" && server.texts.size === 1 ? "cut" : undefined);
  expect(await drain(spill, bySplit)).toBe(sender);
  expect(stored).toBe(0);
  const [marker = ""] = server.texts.keys();
  const first = [...server.records(marker.replace("client:me10", "metrics:raw")).keys()];
  server.fault = () => undefined;
  await reconnect();
  expect(await drain(spill, bySplit)).toBeUndefined();
  const ids = [0, 1, 2].map((shard) => [...server.records(`chouette:{${shard}}:metrics:raw`).keys()]);
  expect(ids.flat().sort()).toEqual([...rowsOf("m", 20).ids].sort());
  expect(ids.every(({ length }) => length > 0)).toBe(true);
  expect(server.records("chouette:{2}:logs:wrapped").size).toBe(5);
  expect([...server.texts.entries()].sort()).toEqual([
    ["chouette:{0}:client:me10", "1"],
    ["chouette:{1}:client:me10", "1"],
    ["chouette:{2}:client:me10", "2"],
  ]);
  // What the first shard had stored isn't sent again.
  expect(first.length).toBeGreaterThan(0);
  expect(sent().filter((id) => first.includes(id))).toEqual(first);
  expect(stored).toBe(25);
});

test("torn lines aren't sent, and count as torn once the others are", async () => {
  writeFileSync(
    join(folder.path, `old.${NOBODY}.spill`),
    `#{"queue":"${QUEUE}"}\n1 a {}\nrubbish\n1 b {}\n#{"queue":"${QUEUE}"}\n1 c {}\n1 to`,
  );
  spill = openSpill();
  expect(await drain(spill, target())).toBeUndefined();
  expect([sent(), stored, dropped]).toEqual([["a", "b", "c"], 3, [["spill_torn", 2]]]);
});

test("it is drained at one place at a time, when the sender that it waits for is ready, until it is empty", async () => {
  const drained = new SpillDrain(spill, target());
  expect(drained.isEmpty).toBe(true);
  await drained.emptied();
  spill.write(rowsOf("a", 1));
  expect(drained.isEmpty).toBe(false);
  let isEmptied = false;
  const emptied = drained.emptied().then(() => {
    isEmptied = true;
  });
  server.fault = ({ args }) => (args[0] === "EXEC" ? "cut" : undefined);
  await Promise.all([drained.run(), drained.run()]);
  expect([sent(), turns, isEmptied]).toEqual([["a0"], 1, false]);
  server.fault = () => undefined;
  await reconnect();
  sender.isReady = false;
  await drained.run();
  expect(sent()).toEqual(["a0"]);
  sender.isReady = true;
  await drained.run();
  await emptied;
  expect([sent(), turns, isEmptied, stored]).toEqual([["a0", "a0"], 1, true, 1]);
  const asked = server.requests.length;
  await drained.run();
  expect(server.requests.length).toBe(asked);
});
