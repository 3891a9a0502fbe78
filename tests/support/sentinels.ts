/** Real Redis Sentinels on loopback: one alone, or three that watch a master and its replica. */
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { lookInto } from "./broker-records.js";
import { newFolder } from "./folders.js";
import type { Span } from "./numbered-load.js";
import { reservedPort } from "./ports.js";
import { type Running, run } from "./running.js";
import { until } from "./until.js";

export const MASTER = "device";
const DOWN_AFTER_MS = 500;
const SENTINELS = 3;
const QUORUM = 2;

export interface Sentinel {
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * @param settings lines of its configuration file
 * @param port any that is free without it
 */
export async function startSentinel(settings: readonly string[], port?: number): Promise<Sentinel> {
  return startSentinelOn(port ?? (await reservedPort()), settings);
}

async function startSentinelOn(port: number, settings: readonly string[]): Promise<Sentinel> {
  const folder = await newFolder();
  const file = `${folder.path}/sentinel.conf`;
  await writeFile(file, [`port ${port}`, "bind 127.0.0.1", `dir ${folder.path}`, ...settings, ""].join("\n"));
  const sentinel = run("redis-server", [file, "--sentinel"]);
  await sentinel.wrote("Sentinel ID");
  const stop = async () => {
    await sentinel.end("SIGKILL");
    await folder.remove();
  };
  return { port, address: `127.0.0.1:${port}`, stop };
}

/** Lines that let a Sentinel watch this server as a master. */
export function watching(port: number, quorum = 1): readonly string[] {
  return [
    `sentinel monitor ${MASTER} 127.0.0.1 ${port} ${quorum}`,
    `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
    // Twice this long it waits before it tries a failover again.
    `sentinel failover-timeout ${MASTER} 3000`,
  ];
}

export interface WatchedServers {
  /** Of the Sentinels: `host:port,host:port,host:port`. */
  readonly sentinels: string;
  /** Port of the server that the Sentinels name. */
  master(): Promise<number>;
  /**
   * Kills the master (SIGKILL) and resolves when another one is named. The former master returns as its replica; then
   * another failover is possible.
   *
   * @param uncopiedMs so long before, the replica is cut off: what is stored from then on is lost
   * @returns what was confirmed before it is on the new master, and what is confirmed after it as well
   */
  failOver(uncopiedMs: number): Promise<Span>;
  /** Resolves when the master has a replica that has everything, and the Sentinels know it. */
  complete(): Promise<void>;
  /** A command to one of the servers. */
  command(port: number, ...args: readonly string[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** Sentinels that know one another and the replica from the start, which they would find out in seconds. */
async function startSentinels([master, replica]: readonly [number, number]): Promise<readonly Sentinel[]> {
  const all = await Promise.all(
    Array.from({ length: SENTINELS }, async (_, index) => ({
      id: `${index + 1}`.repeat(40),
      port: await reservedPort(),
    })),
  );
  const known = (own: string) =>
    all
      .filter(({ id }) => id !== own)
      .map(({ id, port }) => `sentinel known-sentinel ${MASTER} 127.0.0.1 ${port} ${id}`);
  return Promise.all(
    all.map(({ id, port }) =>
      startSentinel(
        [
          `sentinel myid ${id}`,
          ...watching(master, QUORUM),
          `sentinel known-replica ${MASTER} 127.0.0.1 ${replica}`,
          ...known(id),
        ],
        port,
      ),
    ),
  );
}

/** @param settings further arguments of both servers */
export async function startWatchedServers(settings: readonly string[] = []): Promise<WatchedServers> {
  const folder = await newFolder();
  const servers = new Map<number, Running>();
  const start = async (port: number, master?: number) => {
    const replica = master === undefined ? [] : ["--replicaof", "127.0.0.1", `${master}`];
    const common = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder.path, "--save", ""];
    // A replica copies without a file, and the master begins at once.
    const copying = ["--repl-diskless-sync-delay", "0", "--repl-diskless-load", "swapdb"];
    const server = run("redis-server", [...common, ...copying, ...replica, ...settings]);
    servers.set(port, server);
    await server.wrote("Ready to accept connections");
  };
  const command = async (port: number, ...args: readonly string[]) => {
    const server = await lookInto(`redis://127.0.0.1:${port}`);
    return server.command(...args).finally(server.close);
  };
  const ports = [await reservedPort(), await reservedPort()] as const;
  await start(ports[0]);
  await start(ports[1], ports[0]);
  const isReplicated = async (port: number) => {
    return `${await command(port, "INFO", "replication")}`.includes("state=online");
  };
  await until("the replica", () => isReplicated(ports[0]));
  /** Resolves with a time a moment ago: what the master had stored by then, its replica has. */
  const copiedUntil = async (port: number) => {
    const samples: { readonly at: number; readonly offset: number }[] = [];
    return until("a copy", async () => {
      const at = Date.now();
      const info = `${await command(port, "INFO", "replication")}`;
      samples.unshift({ at, offset: Number(/master_repl_offset:(\d+)/.exec(info)?.[1]) });
      const copied = Number(/slave0:.*offset=(\d+)/.exec(info)?.[1]);
      return samples.find(({ offset }) => offset <= copied)?.at;
    });
  };
  const sentinels = await startSentinels(ports);
  const ask = (sentinel: Sentinel, ...args: readonly string[]) =>
    command(sentinel.port, "SENTINEL", ...args, MASTER);
  const masterOf = async (sentinel: Sentinel) =>
    Number(((await ask(sentinel, "GET-MASTER-ADDR-BY-NAME")) as string[])[1]);
  const master = async () => {
    const [first, ...others] = await Promise.all(sentinels.map(masterOf));
    if (first === undefined || others.some((other) => other !== first))
      throw new Error("they disagree about the master");
    return first;
  };
  const complete = async () => {
    await until("the replica to be known to all Sentinels", async () => {
      const port = await master();
      const isKnown = await Promise.all(
        sentinels.map(async (sentinel) => {
          await ask(sentinel, "CKQUORUM");
          const [replica] = (await ask(sentinel, "REPLICAS")) as Record<string, string>[];
          return replica?.flags === "slave" && replica["master-link-status"] === "ok";
        }),
      );
      return (await isReplicated(port)) && isKnown.every((known) => known);
    });
  };
  await complete();
  return {
    sentinels: sentinels.map(({ address }) => address).join(","),
    master,
    complete,
    command,
    failOver: async (uncopiedMs) => {
      const former = await master();
      const from = await copiedUntil(former);
      if (uncopiedMs > 0) {
        await command(former, "ACL", "SETUSER", "default", "-psync", "-sync");
        await command(former, "CLIENT", "KILL", "TYPE", "replica");
        await sleep(uncopiedMs);
      }
      await servers.get(former)?.end("SIGKILL");
      const next = await until("another master", async () => {
        const port = await master();
        return port !== former && port;
      });
      const to = Date.now();
      await start(former, next);
      return { from, to };
    },
    stop: async () => {
      for (const sentinel of sentinels) await sentinel.stop();
      for (const server of servers.values()) await server.end("SIGKILL");
      await folder.remove();
    },
  };
}
