/** A real Redis Cluster on loopback: three masters with a third of the slots each, and a replica of each if a test needs them. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Broker, lookInto } from "./broker-records.js";
import { newFolder } from "./folders.js";
import { reservedPort } from "./ports.js";
import { type Running, run } from "./running.js";
import { until } from "./until.js";

const SLOTS = 16_384;
const MASTERS = 3;
/** In milliseconds: a master that is silent for this long is replaced by its replica. */
const NODE_TIMEOUT = 1_000;

export interface RedisCluster {
  /** Ports of the nodes: the three masters of the beginning, then their replicas. */
  readonly ports: readonly number[];
  /** URL of the first node. */
  readonly url: string;
  /** A command to one of the nodes. */
  command(port: number, ...args: readonly string[]): Promise<unknown>;
  /** A command to the master of its key. @param key one of its keys */
  commandAt(key: string, ...args: readonly string[]): Promise<unknown>;
  /** Port of the master that has the key's slot now, by what most of the nodes say. */
  masterOf(key: string): Promise<number>;
  /**
   * Moves the key's slot to another master, key by key, as `redis-cli --cluster reshard` does.
   * @param between called after each key has moved
   * @returns port of the slot's new master
   */
  moveSlot(key: string, between?: () => Promise<unknown>): Promise<number>;
  /** Lets the replica of the key's master take its place (CLUSTER FAILOVER), in order. @returns port of the new master */
  failOver(key: string): Promise<number>;
  /** Kills a node (SIGKILL). */
  kill(port: number): Promise<void>;
  /** Starts a killed node again. */
  restart(port: number): Promise<void>;
  /** Sends a node a signal, such as SIGSTOP. */
  signal(port: number, signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

interface Node {
  readonly id: string;
  readonly port: number;
  readonly busPort: number;
  /** Index of the master that it copies; undefined for a master. */
  readonly copies: number | undefined;
}

/** @param settings further arguments of each server */
export async function startCluster({
  hasReplicas = false,
  settings = [],
}: {
  readonly hasReplicas?: boolean;
  readonly settings?: readonly string[];
} = {}): Promise<RedisCluster> {
  const folder = await newFolder();
  const nodes: readonly Node[] = await Promise.all(
    Array.from({ length: hasReplicas ? 2 * MASTERS : MASTERS }, async (_, index) => ({
      id: `${index + 1}`.repeat(40),
      port: await reservedPort(),
      busPort: await reservedPort(),
      copies: index < MASTERS ? undefined : index - MASTERS,
    })),
  );
  const servers = new Map<number, Running>();
  const start = async ({ port, busPort }: Node) => {
    const server = run("redis-server", [
      ...["--port", `${port}`, "--bind", "127.0.0.1", "--dir", join(folder.path, `${port}`), "--save", ""],
      ...["--cluster-enabled", "yes", "--cluster-port", `${busPort}`],
      ...["--cluster-node-timeout", `${NODE_TIMEOUT}`, "--cluster-replica-validity-factor", "0"],
      // A replica copies without a file, and the master begins immediately.
      ...["--repl-diskless-sync-delay", "0", "--repl-diskless-load", "swapdb"],
      ...settings,
    ]);
    servers.set(port, server);
    await server.wrote("Ready to accept connections");
  };
  for (const node of nodes) {
    await mkdir(join(folder.path, `${node.port}`));
    await writeFile(join(folder.path, `${node.port}`, "nodes.conf"), nodesFile(nodes, node));
  }
  await Promise.all(nodes.map(start));

  const connections = new Map<number, Promise<Broker>>();
  const command = async (port: number, ...args: readonly string[]) => {
    const connection = connections.get(port) ?? lookInto(`redis://127.0.0.1:${port}`);
    connections.set(port, connection);
    try {
      return await (await connection).command(...args);
    } catch (error) {
      // The node may have ended, and be there again at the next attempt.
      connections.delete(port);
      await connection.then(({ close }) => close()).catch(() => {});
      throw error;
    }
  };
  const stopped = new Set<number>();
  const answering = () => nodes.filter(({ port }) => servers.has(port) && !stopped.has(port));
  const masterOf = async (key: string) => {
    const slot = slotOf(key);
    const named = await Promise.all(
      answering().map(async ({ port }) => masterIn(await command(port, "CLUSTER", "SLOTS"), slot)),
    );
    const votes = (port: number) => named.filter((other) => other === port).length;
    const [first] = [...new Set(named)]
      .filter((port) => port !== undefined)
      .sort((one, other) => votes(other) - votes(one));
    if (first === undefined) throw new Error(`no master has the slot of ${key}`);
    return first;
  };
  const isComplete = async ({ port, copies }: Node) => {
    const info = `${await command(port, "CLUSTER", "INFO")}`;
    const isLinked =
      copies === undefined ||
      `${await command(port, "INFO", "replication")}`.includes("master_link_status:up");
    return (
      isLinked && info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${nodes.length}`)
    );
  };
  await until("the Cluster to be complete", async () =>
    (await Promise.all(nodes.map(isComplete))).every((complete) => complete),
  );
  const nodeAt = (port: number): Node => {
    const node = nodes.find((candidate) => candidate.port === port);
    if (node === undefined) throw new Error(`no node of the Cluster has port ${port}`);
    return node;
  };
  return {
    ports: nodes.map(({ port }) => port),
    url: `redis://127.0.0.1:${nodes[0]?.port}`,
    command,
    commandAt: async (key, ...args) => command(await masterOf(key), ...args),
    masterOf,
    moveSlot: async (key, between = async () => {}) => {
      const slot = `${slotOf(key)}`;
      const from = nodeAt(await masterOf(key));
      const to = nodes.find(({ port, copies }) => copies === undefined && port !== from.port);
      if (to === undefined) throw new Error("there is no other master");
      await command(to.port, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id);
      await command(from.port, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id);
      const one = async () =>
        ((await command(from.port, "CLUSTER", "GETKEYSINSLOT", slot, "1")) as string[])[0];
      for (let next = await one(); next !== undefined; next = await one()) {
        await command(from.port, "MIGRATE", "127.0.0.1", `${to.port}`, next, "0", "5000");
        await between();
      }
      for (const { port } of [to, from, ...nodes.filter(({ copies }) => copies === undefined)])
        await command(port, "CLUSTER", "SETSLOT", slot, "NODE", to.id);
      return to.port;
    },
    failOver: async (key) => {
      const former = await masterOf(key);
      const { id } = nodeAt(former);
      const replicas = (await command(former, "CLUSTER", "REPLICAS", id)) as string[];
      const port = Number(/ [^ ]*?:(\d+)@/.exec(replicas[0] ?? "")?.[1]);
      await command(port, "CLUSTER", "FAILOVER");
      return until("the replica to be the master", async () => (await masterOf(key)) === port && port);
    },
    kill: async (port) => {
      await servers.get(port)?.end("SIGKILL");
      servers.delete(port);
    },
    restart: (port) => start(nodeAt(port)),
    signal: (port, signal) => {
      if (signal === "SIGSTOP") stopped.add(port);
      if (signal === "SIGCONT") stopped.delete(port);
      servers.get(port)?.child.kill(signal);
    },
    stop: async () => {
      for (const connection of connections.values())
        await connection.then(({ close }) => close()).catch(() => {});
      await Promise.all([...servers.values()].map((server) => server.end("SIGKILL")));
      await folder.remove();
    },
  };
}

/** What a node keeps of the Cluster: all know one another from the start, which they would find out in seconds. */
function nodesFile(nodes: readonly Node[], own: Node): string {
  const lines = nodes.map(({ id, port, busPort, copies }, index) => {
    const self = id === own.id ? "myself," : "";
    const master = copies === undefined ? undefined : nodes[copies];
    const role = master === undefined ? "master -" : `slave ${master.id}`;
    const slots = master === undefined ? ` ${firstSlot(index)}-${firstSlot(index + 1) - 1}` : "";
    const epoch = (copies ?? index) + 1;
    return `${id} 127.0.0.1:${port}@${busPort} ${self}${role} 0 0 ${epoch} connected${slots}`;
  });
  return [...lines, `vars currentEpoch ${MASTERS} lastVoteEpoch 0`, ""].join("\n");
}

function firstSlot(master: number): number {
  return Math.ceil((master * SLOTS) / MASTERS);
}

/** The port of a slot's master in a reply to CLUSTER SLOTS. */
function masterIn(ranges: unknown, slot: number): number | undefined {
  for (const [first, last, [, port]] of ranges as [number, number, [string, number]][]) {
    if (slot >= first && slot <= last) return port;
  }
  return undefined;
}

/** The slot of a key: CRC16 (XMODEM) of its hash tag. */
export function slotOf(key: string): number {
  const tag = /\{([^}]+)\}/.exec(key)?.[1] ?? key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % SLOTS;
}
