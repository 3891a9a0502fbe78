/**
 * Finds the server of a shard: the master of its slot in a Redis Cluster, or a plain server, which has all shards.
 *
 * A node is asked for a key of the shard. The slot's master answers, any other node names it (MOVED), and it is asked then.
 * So the server that is found has answered itself: an old view of the Cluster leads to no other one. The server found last is
 * asked first, then the address, then all nodes that the Cluster has named.
 *
 * Promises: it takes at most a second per node, and doesn't keep the process alive. It needs the right to GET the key; without
 * the right to CLUSTER SLOTS it knows no further nodes.
 */
import { addressText, type BrokerAddress } from "./address.js";
import { askServer } from "./ask-server.js";
import { MasterFinder } from "./master-finder.js";
import { ErrorReply, type Reply } from "./resp.js";
import type { ServerFinder } from "./server-finder.js";

/** Nodes to remember besides the address. */
const MAX_NODES = 30;
const MOVED = /^MOVED \d+ (.*):(\d+)$/;

/** @param shardKey a key of the shard to find; undefined without shards. Sentinels name one server for all shards. */
export function newFinder(address: BrokerAddress, shardKey: string | undefined): ServerFinder {
  if (shardKey === undefined || address.sentinels !== undefined) return new MasterFinder(address);
  return new ClusterFinder(address, shardKey);
}

class ClusterFinder implements ServerFinder {
  readonly mayChange = true;
  isCluster = false;
  readonly #address: BrokerAddress;
  readonly #key: string;
  #last: BrokerAddress;
  #nodes: readonly BrokerAddress[] = [];

  constructor(address: BrokerAddress, key: string) {
    this.#address = address;
    this.#key = key;
    this.#last = address;
  }

  get text(): string {
    return addressText(this.#address);
  }

  async find(): Promise<BrokerAddress> {
    const open = [this.#last, this.#address, ...this.#nodes];
    const asked = new Set<string>();
    let failure: unknown;
    for (let node = open.shift(); node !== undefined; node = open.shift()) {
      const name = `Redis at ${addressText(node)}`;
      if (asked.has(name)) continue;
      asked.add(name);
      try {
        const master = await this.#ask(name, node);
        if (master === undefined) {
          this.#last = node;
          return node;
        }
        open.unshift(master);
      } catch (error) {
        failure ??= error;
      }
    }
    // That of the server found last, if it is unavailable: the same at each attempt.
    throw failure ?? new Error("the nodes of the Cluster disagree about the master of a slot");
  }

  /** Nothing to do: each search asks the server itself. */
  distrust(): void {}

  /** A server that was replaced refuses commands by itself. */
  hasFailedOver(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** The master that the node names; undefined if it is the server itself. Rejects if it doesn't know. */
  async #ask(name: string, node: BrokerAddress): Promise<BrokerAddress | undefined> {
    const [slots, answer] = await askServer(name, node, [
      ["CLUSTER", "SLOTS"],
      ["GET", this.#key],
    ]);
    const at = (host: string, port: number) => ({
      ...this.#address,
      // A Cluster that doesn't know a node's host leaves it out: it is the one of the node that was asked.
      host: host || node.host,
      port,
      path: undefined,
    });
    if (Array.isArray(slots)) {
      this.isCluster = true;
      this.#nodes = nodesIn(slots).map(([host, port]) => at(host, port));
    }
    if (!(answer instanceof ErrorReply)) return undefined;
    const [, host = "", port] = MOVED.exec(answer.message) ?? [];
    if (port === undefined) throw new Error(`${name}: ${answer.message}`);
    this.isCluster = true;
    return at(host, Number(port));
  }
}

/** Hosts and ports in the reply to CLUSTER SLOTS: for each range of slots its ends, its master, its replicas. */
function nodesIn(slots: readonly Reply[]): readonly (readonly [host: string, port: number])[] {
  const nodes = new Map<string, readonly [string, number]>();
  for (const range of slots) {
    for (const node of Array.isArray(range) ? range.slice(2) : []) {
      const [host, port] = Array.isArray(node) ? node : [];
      // A question mark is a node without the kind of address that the Cluster prefers.
      if (host !== "?" && typeof port === "number" && nodes.size < MAX_NODES)
        nodes.set(`${host} ${port}`, [typeof host === "string" ? host : "", port]);
    }
  }
  return [...nodes.values()];
}
