/** One connection at a time, opened on demand, with a pause after each failure. */
import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { array, type RespServer, startRespServer } from "../../../tests/support/resp-server.js";
import { until } from "../../../tests/support/until.js";
import type { BrokerConnection } from "./broker-connection.js";
import { ConnectionKeeper } from "./connection-keeper.js";
import { type ChouetteClientOptions, readSettings } from "./options.js";

let server: RespServer;
let keepers: ConnectionKeeper[];
/** What its listener received, with whether it was paused. */
let received: string[];
let errors: string[];

beforeEach(async () => {
  server = await startRespServer();
  keepers = [];
  received = [];
  errors = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const keeper of keepers) keeper.close();
  await server.stop();
});

function keep(
  onOpened: (connection: BrokerConnection, keeper: ConnectionKeeper) => Promise<void> = async () => {},
  options: ChouetteClientOptions = { port: server.port },
): ConnectionKeeper {
  const receive = (what: string) => received.push(keeper.isPaused ? `${what}, paused` : what);
  const keeper: ConnectionKeeper = new ConnectionKeeper(
    readSettings(options, {}, () => {}),
    "chouette:{1}",
    {
      onOpened: (connection) => {
        receive("opened");
        return onOpened(connection, keeper);
      },
      onConnected: () => receive("connected"),
      onDisconnected: ({ message }) => {
        receive("disconnected");
        errors.push(message);
      },
      onTurn: () => receive("turn"),
    },
  );
  keepers.push(keeper);
  return keeper;
}

const hears = (count: number) => until(`${count} events`, () => received.length >= count);

test("one connection is opened, however often it is asked for, and used once its owner has prepared it", async () => {
  const store = new AsyncLocalStorage<string>();
  let inside: unknown = "not called";
  const keeper = keep(async (_, { connection }) => {
    inside = [connection, store.getStore()];
  });
  store.run("of a request", () => {
    keeper.connect();
    keeper.connect();
  });
  await hears(3);
  expect(received).toEqual(["opened", "connected", "turn"]);
  expect(inside).toEqual([undefined, undefined]);
  expect(keeper.connection?.serverSideId?.id).toBe("1");
  expect([server.sockets.size, keeper.isCluster]).toEqual([1, false]);
  expect(server.commands(1)).toEqual(["CLIENT"]);
});

test("a connection that its owner can't use is closed, and so is one that ended meanwhile", async () => {
  const refuse = keep(async () => {
    throw new Error("no use");
  });
  refuse.connect();
  await hears(4);
  expect(received).toEqual(["opened", "disconnected", "turn, paused", "turn"]);
  expect([errors, refuse.connection]).toEqual([["no use"], undefined]);
  await until("its socket to be closed", () => server.sockets.size === 0);
  received = [];
  errors = [];
  const late = keep(async (connection) => {
    for (const socket of server.sockets) socket.destroy();
    await until("the end", () => connection.isLost);
  });
  late.connect();
  await hears(4);
  expect(received).toEqual(["opened", "disconnected", "turn, paused", "turn"]);
  expect(errors).toEqual(["the connection ended as soon as it was there"]);
  expect(late.connection).toBeUndefined();
});

test("a lost connection is reported once, and opened again when its owner asks after the pause", async () => {
  const keeper = keep();
  keeper.connect();
  await hears(3);
  for (const socket of server.sockets) socket.destroy();
  await hears(5);
  expect(received.slice(3)).toEqual(["disconnected", "turn"]);
  expect([keeper.connection, keeper.isPaused, errors.length]).toEqual([undefined, false, 1]);
  keeper.connect();
  await hears(8);
  expect(received.slice(5)).toEqual(["opened", "connected", "turn"]);
  // The end of the first one has nothing to do with the second.
  expect(keeper.connection?.serverSideId?.id).toBe("2");
});

test("an attempt that fails is followed by others, each when it is asked for", async () => {
  const { port } = server;
  await server.stop();
  const keeper = keep(undefined, { port });
  keeper.connect();
  await hears(3);
  expect(received).toEqual(["disconnected", "turn, paused", "turn"]);
  keeper.connect();
  await hears(6);
  expect(received.slice(3)).toEqual(["disconnected", "turn, paused", "turn"]);
  expect(errors[0]).toContain("ECONNREFUSED");
  server = await startRespServer();
});

test("an invalid address is reported by each attempt", async () => {
  const keeper = keep(undefined, { url: "http://redis" });
  keeper.connect();
  await hears(3);
  expect(received).toEqual(["disconnected", "turn, paused", "turn"]);
  expect([errors, keeper.isCluster]).toEqual([[expect.stringContaining("protocol")], false]);
});

test("the pause doubles with each failure, until something is stored", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  const keeper = keep();
  const paused = async () => {
    const begun = performance.now();
    const turns = received.length + 1;
    keeper.pause();
    expect(keeper.isPaused).toBe(true);
    await hears(turns);
    return performance.now() - begun;
  };
  expect(await paused()).toBeGreaterThan(45);
  expect(await paused()).toBeGreaterThan(95);
  for (let failure = 0; failure < 6; failure++) {
    keeper.pause();
    keeper.pause();
    keeper.endPause();
    expect(keeper.isPaused).toBe(false);
  }
  keeper.succeeded();
  // Without the success it would be five seconds.
  expect(await paused()).toBeLessThan(4_000);
  expect(await paused()).toBeGreaterThan(95);
  expect(received).toEqual(["turn", "turn", "turn", "turn"]);
});

test("the first pause is the shortest, and so is the first after something was stored", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  const [fresh, failed, recovered] = [keep(), keep(), keep()];
  for (const keeper of [failed, recovered]) {
    keeper.pause();
    keeper.endPause();
  }
  recovered.succeeded();
  for (const keeper of [failed, recovered, fresh]) keeper.pause();
  await hears(2);
  expect([fresh, failed, recovered].map(({ isPaused }) => isPaused)).toEqual([false, true, false]);
});

test("a pause that was ended has no turn", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  const keeper = keep();
  const begun = performance.now();
  keeper.pause();
  keeper.endPause();
  keeper.pause();
  await hears(1);
  // That of the second, which is longer.
  expect(performance.now() - begun).toBeGreaterThan(95);
});

test("once it is closed, nothing is opened, reported or tried again", async () => {
  const keeper = keep();
  keeper.connect();
  await hears(3);
  const { connection } = keeper;
  keeper.close();
  expect([keeper.connection, keeper.isPaused, connection?.isLost]).toEqual([undefined, true, true]);
  keeper.pause();
  keeper.endPause();
  expect(keeper.isPaused).toBe(true);
  await until("its socket to be closed", () => server.sockets.size === 0);
  const connecting = keep();
  connecting.connect();
  connecting.close();
  const preparing = keep(async (_, own) => own.close());
  preparing.connect();
  await until("both to be closed", () => server.commands(3).length > 0 && server.sockets.size === 0);
  expect([connecting.connection, preparing.connection]).toEqual([undefined, undefined]);
  expect(received.filter((event) => event.includes("connected"))).toEqual(["connected"]);
});

test("an attempt that fails once it is closed isn't reported", async () => {
  server.fault = () => "cut";
  const keeper = keep();
  keeper.connect();
  keeper.close();
  await hears(1);
  expect([received, errors]).toEqual([["turn, paused"], []]);
});

test("a pause ends without a turn once it is closed", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  const [closed, later] = [keep(), keep()];
  closed.pause();
  closed.close();
  later.pause();
  await hears(1);
  expect([later.isPaused, received]).toEqual([false, ["turn"]]);
});

test("with shards, the server of its shard is looked for, which may turn out to be a Cluster's", async () => {
  server.fault = ({ args }) => (args[0] === "CLUSTER" ? { reply: array([]) } : undefined);
  const keeper = keep(undefined, { port: server.port, shards: 3 });
  expect(keeper.isCluster).toBe(false);
  keeper.connect();
  await hears(3);
  expect(keeper.isCluster).toBe(true);
  const keys = server.requests.flatMap(({ args: [name, key] }) => (name === "GET" ? [key] : []));
  expect(keys).toEqual(["chouette:{1}:shards", "chouette:{1}:shards"]);
  const asked = server.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 30));
  // Seconds pass until the number of shards is checked again.
  expect(server.requests.length).toBe(asked);
});
