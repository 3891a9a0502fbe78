/** Batches in doubt: which of them were stored, found out on the next connection. */
import { parseAddress } from "@chouette-iot/queue/resp/address";
import { newFinder } from "@chouette-iot/queue/resp/cluster-finder";
import { milliseconds } from "@chouette-iot/record";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type RespServer, startRespServer } from "../../../tests/support/resp-server.js";
import { until } from "../../../tests/support/until.js";
import { Batch } from "./batch.js";
import { BrokerConnection } from "./broker-connection.js";
import { type Lane, Lanes } from "./lanes.js";
import type { Doubt } from "./spill/segment-text.js";

const QUEUE = "chouette:metrics:raw";
let server: RespServer;
let lanes: Lanes;
let connections: BrokerConnection[];

beforeEach(async () => {
  server = await startRespServer();
  lanes = new Lanes("me");
  connections = [];
});
afterEach(async () => {
  for (const connection of connections) connection.close();
  await server.stop();
});

async function open(): Promise<BrokerConnection> {
  const finder = newFinder(parseAddress(`redis://127.0.0.1:${server.port}`), undefined);
  const options = { namespace: "chouette", shards: undefined, waitReplicas: 0, onLost: () => {} };
  const connection = await BrokerConnection.open(finder, options);
  connections.push(connection);
  return connection;
}

function batchOf(id: string, queue = QUEUE): Batch {
  const batch = new Batch(queue, id, milliseconds(60_000));
  batch.addText(`{"metric":"${id}"}`, "1");
  return batch;
}

function idle(): Lane {
  const lane = lanes.idle();
  if (lane === undefined) throw new Error("all lanes are busy");
  return lane;
}

/** Batches that a connection leaves in doubt: of every second one the server has lost the reply, of the others the request. */
async function doubtsOf(count: number): Promise<readonly Batch[]> {
  const batches: Batch[] = [];
  for (let index = 0; index < count; index++) {
    const connection = await open();
    // The last one carries all of them, as far as the lanes know.
    if (index === 0) await lanes.resolve(connection, () => {});
    server.fault = ({ args }) => (args[0] === "EXEC" ? (index % 2 === 0 ? "lose" : "cut") : undefined);
    const batch = batchOf(`batch${index}`);
    batches.push(batch);
    expect(await lanes.send(connection, idle(), batch)).toEqual({ kind: "doubt" });
  }
  server.fault = () => undefined;
  return batches;
}

test("each of four batches has a marker of its own with its sequence, and its lane is idle again once it is stored", async () => {
  const connection = await open();
  const outcomes: Promise<unknown>[] = [];
  for (let index = 0; lanes.idle() !== undefined; index++) {
    const batch = batchOf(`${index}`, index === 3 ? "chouette:{2}:metrics:raw" : QUEUE);
    outcomes.push(lanes.send(connection, idle(), batch));
  }
  expect(await Promise.all(outcomes)).toEqual(Array.from({ length: 4 }, () => ({ kind: "stored" })));
  expect([...server.texts]).toEqual([
    ["chouette:client:me:0", "1"],
    ["chouette:client:me:1", "2"],
    ["chouette:client:me:2", "3"],
    ["chouette:{2}:client:me:3", "4"],
  ]);
  await lanes.send(connection, idle(), batchOf("5"));
  expect(server.texts.get("chouette:client:me:0")).toBe("5");
  lanes.giveAway(() => {
    throw new Error("no batch is left in a lane");
  });
});

test("a batch that was refused leaves its lane, to be sent again", async () => {
  const connection = await open();
  server.fault = ({ args }) => (args[0] === "ZADD" ? { reply: "-OOM full\r\n" } : undefined);
  expect(await lanes.send(connection, idle(), batchOf("a"))).toMatchObject({ kind: "refused" });
  expect(idle().name).toBe(":client:me:0");
});

test("the next connection fences the earlier one, then finds out which batches were stored", async () => {
  const batches = await doubtsOf(4);
  expect(lanes.idle()).toBeUndefined();
  const before = server.requests.length;
  const connection = await open();
  const settled: [Batch, boolean][] = [];
  await lanes.resolve(connection, (batch, stored) => settled.push([batch, stored]));
  expect(settled).toEqual(batches.map((batch, index) => [batch, index % 2 === 0]));
  const asked = server.requests.slice(before).map(({ args }) => args.slice(0, 4).join(" "));
  expect(asked).toEqual([
    "CLIENT INFO",
    "CLIENT KILL ID 1",
    ...[0, 1, 2, 3].map((lane) => `GET chouette:client:me:${lane}`),
  ]);
  expect(idle().name).toBe(":client:me:0");
  // Without a batch in doubt, only the fence of the connection before is left to do.
  const next = await open();
  await lanes.resolve(next, () => {
    throw new Error("nothing is in doubt");
  });
  await until("the fence", () => connection.isLost);
  expect(server.requests.at(-1)?.args.slice(0, 4)).toEqual([
    "CLIENT",
    "KILL",
    "ID",
    connection.serverSideId?.id,
  ]);
});

test("no marker is read before the fence has its reply", async () => {
  await doubtsOf(1);
  const connection = await open();
  server.fault = ({ args }) => (args[1] === "KILL" ? { reply: "" } : undefined);
  const settled: boolean[] = [];
  const resolved = lanes.resolve(connection, (_, stored) => settled.push(stored));
  await until("the fence", () => server.requests.at(-1)?.args[1] === "KILL");
  const other = await open();
  expect(await other.readMarker("chouette:client:me:0")).toBe("1");
  expect([server.commands(2).includes("GET"), settled]).toEqual([false, []]);
  connection.close();
  await expect(resolved).rejects.toThrow();
  server.fault = () => undefined;
  // The batches stay in doubt for the next one.
  await lanes.resolve(other, (_, stored) => settled.push(stored));
  expect(settled).toEqual([true]);
});

test("batches are given away with what their fate depends on, until one is declined, and their markers aren't used again", async () => {
  const batches = await doubtsOf(3);
  const given: [Batch, Doubt][] = [];
  lanes.giveAway((batch, doubt) => {
    if (given.length === 2) return false;
    given.push([batch, doubt]);
    return true;
  });
  const carrier = { id: "1", address: expect.stringMatching(/:\d+$/) };
  expect(given).toEqual([
    [batches[0], { marker: "chouette:client:me:0", sequence: "1", carrier }],
    [batches[1], { marker: "chouette:client:me:1", sequence: "2", carrier }],
  ]);
  const connection = await open();
  const settled: Batch[] = [];
  await lanes.send(connection, idle(), batchOf("new"));
  expect(server.texts.get("chouette:client:me:0")).toBe("1");
  expect(server.texts.get("chouette:client:me:4")).toBe("4");
  await lanes.resolve(connection, (batch) => settled.push(batch));
  expect(settled).toEqual([batches[2]]);
});

test.each([
  ["stored", true],
  ["stored", false],
  ["doubt", true],
] as const)("a batch that is given away before its reply is in doubt, even if the reply is %s, with another in its lane: %s", async (kind, hasAnother) => {
  const connection = await open();
  server.fault = ({ args }) => (args[0] === "EXEC" ? "hold" : undefined);
  const lane = idle();
  const first = lanes.send(connection, lane, batchOf("a"));
  await until("EXEC", () => server.commands(1).includes("EXEC"));
  lanes.giveAway(() => true);
  const second = hasAnother ? lanes.send(connection, idle(), batchOf("b")) : undefined;
  if (kind === "stored") server.release();
  else connection.close();
  expect(await first).toEqual({ kind: "doubt" });
  expect(await second).toEqual(hasAnother ? { kind } : undefined);
  expect(lane.batch !== undefined).toBe(kind === "doubt");
});
