/** Each outcome of a connection, against a server whose replies the test decides. */

import { parseAddress } from "@chouette-iot/queue/resp/address";
import { newFinder } from "@chouette-iot/queue/resp/cluster-finder";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  array,
  bulk,
  type Fault,
  failure,
  integer,
  type RespServer,
  simple,
  startRespServer,
} from "../../../tests/support/resp-server.js";
import { until } from "../../../tests/support/until.js";
import { BrokerConnection, type ConnectionOptions } from "./broker-connection.js";
import { addRow, emptyRows } from "./rows.js";

const QUEUE = "chouette:metrics:raw";
const MARKER = "chouette:client:c:0";
let server: RespServer;
let lost: string[];

beforeEach(async () => {
  server = await startRespServer();
  lost = [];
});
afterEach(() => server.stop());

interface Given extends Partial<ConnectionOptions> {
  readonly login?: string;
  readonly database?: string;
}

function open({ login = "", database = "", ...given }: Given = {}): Promise<BrokerConnection> {
  const { shards, namespace = "chouette" } = given;
  const address = parseAddress(`redis://${login}127.0.0.1:${server.port}${database}`);
  const finder = newFinder(address, shards === undefined ? undefined : `${namespace}:shards`);
  const onLost = (_: BrokerConnection, error: Error) => void lost.push(error.message);
  return BrokerConnection.open(finder, { namespace, shards: undefined, waitReplicas: 0, onLost, ...given });
}

/** A fault for the first request that begins with these words. */
function at(words: string, fault: Fault): void {
  let isUsed = false;
  server.fault = ({ args }) => {
    if (isUsed || !`${args.join(" ")} `.startsWith(`${words} `)) return undefined;
    isUsed = true;
    return fault;
  };
}

function rowsOf(...ids: string[]) {
  const rows = emptyRows(QUEUE);
  for (const id of ids) addRow(rows, `${ids.indexOf(id)}.5`, id, `{"metric":"${id} é"}`);
  return rows;
}

const store = (connection: BrokerConnection, sequence = "7") =>
  connection.store(rowsOf("a", "b"), MARKER, sequence);
const noSockets = () => until("its sockets to be closed", () => server.sockets.size === 0);

describe("a login", () => {
  test("is the user, the password, the database, and no more than is needed", async () => {
    const plain = await open();
    const full = await open({ login: "u:p@", database: "/3" });
    const password = await open({ login: ":p@", database: "/0" });
    expect(server.requests.map(({ from, args }) => [from, args.join(" ")])).toEqual([
      [1, "CLIENT INFO"],
      [2, "AUTH u p"],
      [2, "SELECT 3"],
      [2, "CLIENT INFO"],
      [3, "AUTH p"],
      [3, "CLIENT INFO"],
    ]);
    const ports = [...server.sockets].map(
      ({ remoteAddress, remotePort }) => `${remoteAddress}:${remotePort}`,
    );
    expect([plain, full, password].map(({ serverSideId }) => serverSideId)).toEqual(
      ports.map((address, index) => ({ id: `${index + 1}`, address })),
    );
    for (const connection of [plain, full, password]) connection.close();
    await noSockets();
    expect(lost).toEqual([]);
  });

  test.each([
    ["AUTH", "WRONGPASS invalid"],
    ["SELECT", "ERR DB index is out of range"],
    ["CLIENT", "NOAUTH Authentication required."],
    ["CLIENT", "LOADING Redis is loading the dataset in memory"],
  ])("fails if %s is refused with %s, and leaves no socket", async (command, error) => {
    at(command, { reply: failure(error) });
    await expect(open({ login: "u:p@", database: "/1" })).rejects.toMatchObject({ message: error });
    await noSockets();
    expect(lost).toEqual([]);
  });

  test("fails if the connection ends, and is no loss of an open one", async () => {
    at("CLIENT INFO", "cut");
    await expect(open()).rejects.toThrow(`127.0.0.1:${server.port}`);
    await noSockets();
    expect(lost).toEqual([]);
  });

  test.each([
    failure("NOPERM no right to CLIENT"),
    bulk("addr=1.2.3.4:5"),
    bulk("id=5 laddr"),
    integer(5),
  ])("without the server's id is good enough: %j", async (reply) => {
    at("CLIENT INFO", { reply });
    const connection = await open();
    expect(connection.serverSideId).toBeUndefined();
    expect(await store(connection)).toEqual({ kind: "stored" });
    connection.close();
  });
});

describe("a batch", () => {
  test("is one transaction with its marker, which lives for a day", async () => {
    const connection = await open();
    expect(await store(connection)).toEqual({ kind: "stored" });
    expect(server.commands(1).slice(1)).toEqual(["MULTI", "ZADD", "HSET", "SET", "EXEC"]);
    expect(server.requests.find(({ args }) => args[0] === "SET")?.args.slice(1)).toEqual([
      MARKER,
      "7",
      "EX",
      `${24 * 60 * 60}`,
    ]);
    expect([...server.records(QUEUE)]).toEqual([
      ["a", { score: "0.5", value: '{"metric":"a é"}' }],
      ["b", { score: "1.5", value: '{"metric":"b é"}' }],
    ]);
    expect(await connection.readMarker(MARKER)).toBe("7");
    expect(await connection.readMarker("chouette:client:other")).toBeNull();
    expect(connection.isLost).toBe(false);
    connection.close();
  });

  test.each([
    ["MULTI", "MULTI", failure("OOM command not allowed")],
    ["a command of it", "ZADD", failure("OOM command not allowed")],
    ["EXEC", "EXEC", failure("OOM command not allowed")],
    [
      "a command when it is executed",
      "EXEC",
      array([integer(1), failure("OOM command not allowed"), simple("OK")]),
    ],
  ])("is refused if %s is, with the first error, and the next one is tried", async (_, command, reply) => {
    const connection = await open();
    server.fault = ({ args }) => {
      if (args[0] === command) return { reply };
      return args[0] === "EXEC" ? { reply: failure("EXECABORT Transaction discarded") } : undefined;
    };
    expect(await store(connection)).toEqual({
      kind: "refused",
      error: expect.objectContaining({ message: "OOM command not allowed" }),
    });
    server.fault = () => undefined;
    expect([connection.isLost, lost]).toEqual([false, []]);
    expect(await store(connection)).toEqual({ kind: "stored" });
    connection.close();
  });

  test.each([
    ["null", "*-1\r\n"],
    ["two replies", array([integer(1), integer(1)])],
    ["four replies", array([integer(1), integer(1), simple("OK"), integer(1)])],
    ["no OK for the marker", array([integer(1), integer(1), bulk(undefined)])],
    ["a text", simple("OK")],
  ])("is in doubt if EXEC replies %s: later replies can't be trusted", async (_, reply) => {
    const connection = await open();
    at("EXEC", { reply });
    expect(await store(connection)).toEqual({ kind: "doubt" });
    expect([connection.isLost, lost]).toEqual([true, ["the server's answer makes no sense"]]);
    await noSockets();
  });

  test("is in doubt if its reply is lost, and so is each further one, which isn't sent", async () => {
    const connection = await open();
    at("EXEC", "lose");
    const both = [store(connection), connection.store(rowsOf("c"), "other", "8")];
    expect(await Promise.all(both)).toEqual([{ kind: "doubt" }, { kind: "doubt" }]);
    const asked = server.requests.length;
    expect(await store(connection)).toEqual({ kind: "doubt" });
    await expect(connection.readMarker(MARKER)).rejects.toThrow();
    expect(server.requests.length).toBe(asked);
    expect(connection.isLost).toBe(true);
    expect(lost).toEqual([expect.stringContaining("closed the connection")]);
    expect(server.texts.get(MARKER)).toBe("7");
  });

  test("is in doubt if the connection is closed meanwhile, which is no loss", async () => {
    const connection = await open();
    at("EXEC", "hold");
    const outcome = store(connection);
    await until("EXEC", () => server.commands(1).includes("EXEC"));
    connection.close();
    expect(await outcome).toEqual({ kind: "doubt" });
    expect([connection.isLost, lost]).toEqual([true, []]);
    await noSockets();
  });

  test.each([
    "MOVED 1 127.0.0.1:1",
    "CROSSSLOT Keys don't hash to one slot",
  ])("without shards that a Cluster refuses names the setting: %s", async (error) => {
    const connection = await open();
    at("ZADD", { reply: failure(error) });
    const outcome = await store(connection);
    expect(outcome).toMatchObject({
      kind: "refused",
      error: { message: expect.stringContaining("CHOUETTE_SHARDS") },
    });
    expect(connection.isLost).toBe(false);
    connection.close();
  });
});

describe("with replicas to wait for", () => {
  test("a batch is stored once enough have copied it, and in doubt with fewer", async () => {
    server.replicas = 2;
    const connection = await open({ waitReplicas: 2 });
    expect(await store(connection)).toEqual({ kind: "stored" });
    expect(server.requests.at(-1)?.args).toEqual(["WAIT", "2", "1000"]);
    server.replicas = 1;
    expect(await store(connection)).toEqual({ kind: "doubt" });
    expect(lost).toEqual(["1 of 2 replicas have copied the records (waitReplicas)"]);
  });

  test("a batch is in doubt if the server can't say how many", async () => {
    for (const reply of [failure("ERR unknown command 'WAIT'"), simple("OK")]) {
      const connection = await open({ waitReplicas: 1 });
      at("WAIT", { reply });
      expect(await store(connection)).toEqual({ kind: "doubt" });
    }
    expect(lost).toEqual(["ERR unknown command 'WAIT'", expect.stringContaining("of 1 replicas")]);
  });

  test("a marker counts only once enough have copied a write after it", async () => {
    server.replicas = 1;
    server.texts.set(MARKER, "7");
    const connection = await open({ waitReplicas: 1 });
    expect(await connection.readMarker(MARKER)).toBe("7");
    expect(server.requests.slice(1).map(({ args }) => args)).toEqual([
      ["GET", MARKER],
      ["EXPIRE", MARKER, "86400"],
      ["WAIT", "1", "1000"],
    ]);
    server.replicas = 0;
    await expect(connection.readMarker(MARKER)).rejects.toThrow("0 of 1 replicas");
    expect(await connection.readMarker("none")).toBeNull();
    connection.close();
    const alone = await open();
    expect(await alone.readMarker(MARKER)).toBe("7");
    expect(server.commands(2)).toEqual(["CLIENT", "GET"]);
    alone.close();
  });
});

test("a marker that the server refuses to read is an error, and the connection stays", async () => {
  const connection = await open();
  at("GET", { reply: failure("NOPERM no right to GET") });
  await expect(connection.readMarker(MARKER)).rejects.toThrow("NOPERM");
  expect([connection.isLost, lost]).toEqual([false, []]);
  connection.close();
});

test("a fence ends the earlier connection at the server, with what it has yet to read, and no other one", async () => {
  const earlier = await open();
  const other = await open();
  const { serverSideId } = earlier;
  const now = await open();
  await now.fence(undefined);
  await now.fence({ id: serverSideId?.id ?? "", address: "1.2.3.4:5" });
  expect(server.sockets.size).toBe(3);
  at("EXEC", "hold");
  const outcome = store(earlier);
  await until("EXEC", () => server.commands(1).includes("EXEC"));
  await now.fence(serverSideId);
  expect(await outcome).toEqual({ kind: "doubt" });
  server.release();
  expect(server.records(QUEUE).size).toBe(0);
  expect([other.isLost, now.isLost, lost.length]).toEqual([false, false, 1]);
  at("CLIENT KILL", { reply: failure("NOPERM no right to CLIENT") });
  await now.fence(serverSideId);
  for (const connection of [other, now]) connection.close();
});

describe("with shards", () => {
  const shards = 2;

  test("every shard that has a number must have this one", async () => {
    const first = await open({ shards, namespace: "chouette:{0}" });
    // The first connection asked which server has the shard.
    expect(server.requests.filter(({ from }) => from === 2).map(({ args }) => args.join(" "))).toEqual([
      "HELLO 2",
      "ROLE",
      "CLIENT INFO",
      "GET chouette:{0}:shards",
      "GET chouette:{1}:shards",
    ]);
    server.texts.set("chouette:{0}:shards", "2").set("chouette:{1}:shards", "2");
    await first.checkAgain();
    expect(first.isLost).toBe(false);
    const second = await open({ shards, namespace: "chouette:{0}" });
    server.texts.set("chouette:{1}:shards", "3");
    const reason = "the broker has 3 shards, this program 2 (CHOUETTE_SHARDS)";
    await expect(open({ shards, namespace: "chouette:{0}" })).rejects.toThrow(reason);
    expect(lost).toEqual([]);
    await first.checkAgain();
    expect([first.isLost, second.isLost, lost]).toEqual([true, false, [reason]]);
    second.close();
    await noSockets();
  });

  test("the numbers must be readable", async () => {
    const connection = await open({ shards, namespace: "chouette:{0}" });
    const refusal: Fault = { reply: failure("NOPERM no right to GET") };
    server.fault = ({ args }) => (args[1] === "chouette:{1}:shards" ? refusal : undefined);
    await expect(open({ shards, namespace: "chouette:{0}" })).rejects.toThrow("NOPERM");
    await connection.checkAgain();
    expect(connection.isLost).toBe(false);
    server.fault = ({ args }) => (args[0] === "GET" ? "cut" : undefined);
    await connection.checkAgain();
    expect([connection.isLost, lost.length]).toEqual([true, 1]);
  });

  test("in a Cluster, only the number of its shard is asked for", async () => {
    server.fault = ({ args }) => (args[0] === "CLUSTER" ? { reply: array([]) } : undefined);
    server.texts.set("chouette:{0}:shards", "9");
    const connection = await open({ shards, namespace: "chouette:{1}" });
    expect(server.requests.filter(({ args }) => args[0] === "GET").map(({ args }) => args[1])).toEqual([
      "chouette:{1}:shards",
      "chouette:{1}:shards",
    ]);
    connection.close();
  });

  test.each([
    "MOVED 1 127.0.0.1:1",
    "READONLY You can't write against a read only replica.",
  ])("a connection to a server that was replaced is left, after a batch, a marker or a check: %s", async (error) => {
    const open3 = () => open({ shards, namespace: "chouette:{0}" });
    const [first, second, third] = [await open3(), await open3(), await open3()];
    server.fault = ({ args }) =>
      args[0] === "ZADD" || args[0] === "GET" ? { reply: failure(error) } : undefined;
    expect(await store(first)).toMatchObject({ kind: "refused", error: { message: error } });
    await expect(second.readMarker(MARKER)).rejects.toThrow(error);
    await third.checkAgain();
    expect([first, second, third].map(({ isLost }) => isLost)).toEqual([true, true, true]);
    expect(lost).toEqual([error, error, error]);
  });

  test("a server that turned out to be a replica isn't used", async () => {
    at("HELLO", { reply: array([bulk("role"), bulk("replica")]) });
    await expect(open({ shards, namespace: "chouette:{0}" })).rejects.toThrow(
      `Redis at 127.0.0.1:${server.port}: it is no master but a replica`,
    );
    await noSockets();
  });
});

describe("with Sentinels", () => {
  let sentinels: RespServer[];
  beforeEach(async () => {
    sentinels = await Promise.all([startRespServer(), startRespServer()]);
  });
  afterEach(() => Promise.all(sentinels.map(({ stop }) => stop())));

  const names = (sentinel: RespServer | undefined, port: number, failover: number) => {
    if (sentinel === undefined) return;
    sentinel.fault = ({ args }) => ({
      reply:
        args[1] === "MASTER"
          ? array(["config-epoch", `${failover}`].map(bulk))
          : array(["127.0.0.1", `${port}`].map(bulk)),
    });
  };
  const finderOf = () => {
    const servers = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
    return newFinder(parseAddress(`redis+sentinel://${servers}/mymaster`), undefined);
  };
  const openBy = (finder: ReturnType<typeof finderOf>) =>
    BrokerConnection.open(finder, {
      namespace: "chouette",
      shards: undefined,
      waitReplicas: 0,
      onLost: (_, error) => void lost.push(error.message),
    });

  test("one that names a replica is asked last from then on", async () => {
    const replica = await startRespServer();
    replica.fault = ({ args }) =>
      args[0] === "HELLO" ? { reply: array([bulk("role"), bulk("replica")]) } : undefined;
    names(sentinels[0], replica.port, 1);
    names(sentinels[1], server.port, 1);
    const finder = finderOf();
    await expect(openBy(finder)).rejects.toThrow("no master but a replica");
    const connection = await openBy(finder);
    expect(server.commands(1)).toEqual(["HELLO", "ROLE", "CLIENT"]);
    connection.close();
    await replica.stop();
  });

  test("a connection ends once they name another master", async () => {
    for (const sentinel of sentinels) names(sentinel, server.port, 1);
    const connection = await openBy(finderOf());
    await connection.checkAgain();
    expect(connection.isLost).toBe(false);
    for (const sentinel of sentinels) names(sentinel, 1, 2);
    await connection.checkAgain();
    expect([connection.isLost, lost]).toEqual([true, ["the Sentinels name another master"]]);
    await noSockets();
  });
});
