/** Which server is found: servers that answer the finders' questions as each test says. */
import { createServer } from "node:net";
import { afterEach, expect, it } from "vitest";
import { listen } from "../../../../tests/support/listening.js";
import { type BrokerAddress, DEFAULT_ADDRESS, parseAddress } from "./address.js";
import { newFinder } from "./cluster-finder.js";
import { type Reply, ReplyReader } from "./resp.js";

/** Replies by the first two words of a command, as on the wire; undefined: it never answers. */
type Replies = Readonly<Record<string, string | undefined>>;

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** A server, the commands that it was asked, and what it answers from now on. */
async function newServer(replies: Replies = {}) {
  const server = { port: 0, asked: [] as string[], replies, stop: async () => {} };
  const listener = createServer((socket) => {
    const reader = new ReplyReader();
    socket.on("data", (chunk) => {
      for (const command of reader.read(chunk)) {
        const words = (command as readonly Reply[]).map(String);
        server.asked.push(words.join(" "));
        const reply = server.replies[words.slice(0, 2).join(" ")] ?? server.replies[words[0] ?? ""];
        if (reply !== undefined) socket.write(reply);
      }
    });
  });
  const { port, stop } = await listen(listener);
  server.port = port;
  server.stop = async () => {
    server.stop = async () => {};
    await stop();
  };
  cleanUps.push(() => server.stop());
  return server;
}

const bulk = (text: string | null) =>
  text === null ? "$-1\r\n" : `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const list = (items: readonly string[]) => `*${items.length}\r\n${items.join("")}`;
const refusal = (text: string) => `-${text}\r\n`;

/** A range of slots, with the hosts and ports of its nodes. */
const range = (...nodes: readonly (readonly [host: string | null, port: number])[]) =>
  list([
    ":0\r\n",
    ":16383\r\n",
    ...nodes.map(([host, port]) => list([bulk(host), `:${port}\r\n`, bulk("id")])),
  ]);

const KEY = "chouette:{3}:shards";
const address = (port: number): BrokerAddress => ({ ...DEFAULT_ADDRESS, port, database: 2 });
const portOf = ({ port }: BrokerAddress) => port;

it("a plain server has all shards", async () => {
  const plain = await newServer({
    CLUSTER: refusal("ERR This instance has cluster support disabled"),
    GET: bulk(null),
  });
  const finder = newFinder(address(plain.port), KEY);
  expect([finder.mayChange, finder.isCluster, finder.text]).toEqual([true, false, `127.0.0.1:${plain.port}`]);
  expect(await finder.find()).toEqual(address(plain.port));
  expect(plain.asked).toEqual(["CLUSTER SLOTS", `GET ${KEY}`]);
  expect([finder.isCluster, await finder.hasFailedOver()]).toEqual([false, false]);
});

it("in a Cluster it is the node that answers itself, which is asked first from then on", async () => {
  const master = await newServer({ GET: bulk("3"), CLUSTER: refusal("NOPERM") });
  const node = await newServer({
    GET: refusal(`MOVED 866 127.0.0.1:${master.port}`),
    CLUSTER: refusal("NOPERM"),
  });
  const finder = newFinder({ ...address(node.port), password: "secret" }, KEY);
  for (const each of [node, master]) each.replies = { ...each.replies, AUTH: "+OK\r\n" };
  const found = await finder.find();
  expect(found).toEqual({ ...address(master.port), password: "secret" });
  expect(finder.isCluster).toBe(true);
  expect(master.asked).toEqual(["AUTH secret", "CLUSTER SLOTS", `GET ${KEY}`]);
  node.asked.length = 0;
  expect(portOf(await finder.find())).toBe(master.port);
  expect(node.asked).toEqual([]);
});

it("without a host in the answer it is that of the node that was asked", async () => {
  const master = await newServer({ GET: bulk("3"), CLUSTER: list([]) });
  const node = await newServer({ GET: refusal(`MOVED 866 :${master.port}`), CLUSTER: list([]) });
  const finder = newFinder(address(node.port), KEY);
  expect(await finder.find()).toEqual(address(master.port));
});

it("the nodes that the Cluster has named are asked if the others are gone, except those without an address", async () => {
  const second = await newServer({ GET: bulk("3"), CLUSTER: refusal("NOPERM") });
  const unknown = await newServer({ GET: bulk("3") });
  const first = await newServer();
  first.replies = {
    GET: bulk("3"),
    CLUSTER: list([
      "+nonsense\r\n",
      range(["127.0.0.1", first.port], ["?", unknown.port]),
      list([":0\r\n", ":1\r\n", list([bulk("127.0.0.1"), bulk("no port")]), ":7\r\n"]),
      range([null, second.port]),
    ]),
  };
  const finder = newFinder(address(first.port), KEY);
  await finder.find();
  expect([finder.isCluster, second.asked]).toEqual([true, []]);
  await first.stop();
  expect(portOf(await finder.find())).toBe(second.port);
  expect(unknown.asked).toEqual([]);
  await second.stop();
  // The server found last is named, not every one.
  await expect(finder.find()).rejects.toThrow(`Redis at 127.0.0.1:${second.port} is unavailable`);
});

it("a Cluster may name many nodes, of which a few are remembered", async () => {
  const node = await newServer({ GET: bulk("3") });
  const ports = Array.from({ length: 32 }, (_, n) => ["127.0.0.1", n + 1] as const);
  const last = await newServer({ GET: bulk("3"), CLUSTER: refusal("NOPERM") });
  const named = (position: number) =>
    list([range(...ports.slice(0, position - 1), ["localhost", last.port], ...ports.slice(position - 1))]);
  for (const [position, isRemembered] of [
    [30, true],
    [31, false],
  ] as const) {
    node.replies = { GET: bulk("3"), CLUSTER: named(position) };
    const finder = newFinder(address(node.port), KEY);
    await finder.find();
    node.replies = { GET: refusal("CLUSTERDOWN"), CLUSTER: refusal("NOPERM") };
    const finding = finder.find().then(
      ({ host, port }) => `${host}:${port}`,
      () => undefined,
    );
    expect(await finding, `${position}`).toBe(isRemembered ? `localhost:${last.port}` : undefined);
  }
});

it("nodes that name one another as the master are reported, and each is asked once", async () => {
  const one = await newServer();
  const two = await newServer({ GET: refusal(`MOVED 1 127.0.0.1:${one.port}`) });
  one.replies = { GET: refusal(`MOVED 1 127.0.0.1:${two.port}`), CLUSTER: list([]) };
  two.replies = { ...two.replies, CLUSTER: list([]) };
  await expect(newFinder(address(one.port), KEY).find()).rejects.toThrow("nodes of the Cluster disagree");
  expect([one.asked.length, two.asked.length]).toEqual([2, 2]);
  one.replies = { GET: refusal("LOADING Redis is loading"), CLUSTER: list([]) };
  await expect(newFinder(address(one.port), KEY).find()).rejects.toThrow(
    `Redis at 127.0.0.1:${one.port}: LOADING Redis is loading`,
  );
});

it("a refused login is an error, and commands aren't taken for its reply", async () => {
  const server = await newServer({ AUTH: refusal("WRONGPASS"), CLUSTER: list([]), GET: bulk("3") });
  const finder = newFinder({ ...address(server.port), username: "u", password: "p" }, KEY);
  await expect(finder.find()).rejects.toThrow(`Redis at 127.0.0.1:${server.port}: WRONGPASS`);
  expect(server.asked[0]).toBe("AUTH u p");
  const onlyUser = newFinder({ ...address(server.port), username: "u" }, KEY);
  await onlyUser.find().catch(() => {});
  expect(server.asked).toContain("AUTH u ");
});

it("a server that doesn't answer is given up after a second", async () => {
  const silent = await newServer({ CLUSTER: list([]) });
  const began = performance.now();
  await expect(newFinder(address(silent.port), KEY).find()).rejects.toThrow("gave no answer for 1000 ms");
  expect(performance.now() - began).toBeGreaterThan(900);
});

/** A Sentinel that names a master, with the number of its failover. */
const sentinelFor = (port: number, failover?: number): Replies => ({
  "SENTINEL GET-MASTER-ADDR-BY-NAME": list([bulk("10.0.0.1"), bulk(`${port}`)]),
  "SENTINEL MASTER": list([
    bulk("name"),
    bulk("m"),
    ...(failover === undefined ? [] : [bulk("config-epoch"), bulk(`${failover}`)]),
  ]),
});

const sentinelsAt = (...ports: readonly number[]) =>
  newFinder(
    parseAddress(`redis+sentinel://:pw@${ports.map((port) => `127.0.0.1:${port}`).join(",")}/m/4`),
    KEY,
  );

it("a Sentinel names the master, and is asked first the next time", async () => {
  const gone = await newServer();
  await gone.stop();
  const sentinel = await newServer(sentinelFor(7_001, 5));
  const other = await newServer(sentinelFor(7_002, 5));
  const finder = sentinelsAt(gone.port, sentinel.port, other.port);
  expect([finder.mayChange, finder.isCluster]).toEqual([true, false]);
  const found = await finder.find();
  expect(found).toEqual({ ...DEFAULT_ADDRESS, host: "10.0.0.1", port: 7_001, password: "pw", database: 4 });
  expect(sentinel.asked).toEqual(["SENTINEL GET-MASTER-ADDR-BY-NAME m", "SENTINEL MASTER m"]);
  expect(portOf(await finder.find())).toBe(7_001);
  expect(other.asked).toEqual([]);
  // Its answer was wrong: another one is asked, and it last.
  finder.distrust();
  expect(portOf(await finder.find())).toBe(7_002);
});

it("an older answer is used only if no Sentinel has a newer one, and then the newest of them", async () => {
  const [one, two, three] = [await newServer(), await newServer(), await newServer()];
  const finder = sentinelsAt(one.port, two.port, three.port);
  one.replies = sentinelFor(7_001, 9);
  expect(portOf(await finder.find())).toBe(7_001);
  one.replies = sentinelFor(7_001, 3);
  two.replies = sentinelFor(7_002, 9);
  expect(portOf(await finder.find())).toBe(7_002);
  // They were set up again, and count from 0.
  two.replies = sentinelFor(7_002, 2);
  three.replies = sentinelFor(7_003, 4);
  expect(portOf(await finder.find())).toBe(7_003);
  three.replies = sentinelFor(7_004, 4);
  expect(portOf(await finder.find())).toBe(7_004);
});

it("whether there was a failover is asked of one Sentinel after the other, and never fails", async () => {
  const [one, two] = [await newServer(sentinelFor(7_001, 5)), await newServer(sentinelFor(7_001, 5))];
  const finder = sentinelsAt(one.port, two.port);
  await finder.find();
  two.replies = sentinelFor(7_002, 6);
  expect([await finder.hasFailedOver(), await finder.hasFailedOver()]).toEqual([false, true]);
  two.replies = { SENTINEL: refusal("ERR") };
  expect([await finder.hasFailedOver(), await finder.hasFailedOver()]).toEqual([false, false]);
  const fixed = newFinder(address(1), undefined);
  expect([fixed.mayChange, await fixed.hasFailedOver(), await fixed.find()]).toEqual([
    false,
    false,
    address(1),
  ]);
  fixed.distrust();
});

it("Sentinels without a usable answer are all named with their reasons", async () => {
  const bad: readonly Replies[] = [
    { "SENTINEL GET-MASTER-ADDR-BY-NAME": "*-1\r\n", "SENTINEL MASTER": refusal("ERR No such master") },
    { ...sentinelFor(7_001), "SENTINEL MASTER": refusal("NOPERM") },
    { ...sentinelFor(0) },
    { ...sentinelFor(7_001), "SENTINEL GET-MASTER-ADDR-BY-NAME": "+what\r\n" },
    { ...sentinelFor(7_001), "SENTINEL GET-MASTER-ADDR-BY-NAME": list([":1\r\n", ":7001\r\n"]) },
  ];
  const servers = await Promise.all(bad.map((replies) => newServer(replies)));
  const message = await sentinelsAt(...servers.map(({ port }) => port))
    .find()
    .then(
      () => "",
      (error: Error) => error.message,
    );
  const reasons = [
    "knows no master of this name",
    ": NOPERM",
    ...Array(3).fill(": its answer makes no sense"),
  ];
  expect(message).toBe(
    `no Sentinel names the master m: ${servers.map(({ port }, n) => `Sentinel 127.0.0.1:${port}${n === 0 ? " " : ""}${reasons[n]}`).join("; ")}`,
  );
  // Without a number of the failover, all answers are equally new.
  const [older, newer] = [await newServer(sentinelFor(7_001)), await newServer(sentinelFor(7_002))];
  const finder = sentinelsAt(older.port, newer.port);
  expect(portOf(await finder.find())).toBe(7_001);
  finder.distrust();
  expect(portOf(await finder.find())).toBe(7_002);
  expect(await finder.hasFailedOver()).toBe(false);
});
