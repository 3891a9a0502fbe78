/**
 * Finds the server to connect to. With Sentinels, that is the master that they name, asked for before each connection.
 *
 * Sentinels are asked in turn, each for at most a second, starting with the one that answered last. A Sentinel
 * that was cut off from the others may name a former master. Each failover has a number (Redis' config epoch), so an answer
 * with an older number is used only if no Sentinel has a newer one.
 *
 * Promises: it takes at most a second per Sentinel, and doesn't keep the process alive.
 */
import { messageOf } from "@chouette-iot/record";
import { addressText, type BrokerAddress, DEFAULT_ADDRESS } from "./address.js";
import { askServer } from "./ask-server.js";
import { ErrorReply, type Reply } from "./resp.js";
import { type Sentinels, type ServerAddress, serverText } from "./sentinel-address.js";
import type { ServerFinder } from "./server-finder.js";

interface NamedMaster {
  readonly server: ServerAddress;
  /** The number of the failover that made it the master. */
  readonly failover: number;
}

export class MasterFinder implements ServerFinder {
  readonly isCluster = false;
  readonly #address: BrokerAddress;
  /** The Sentinels, in the order in which they are asked. */
  #servers: readonly ServerAddress[];
  /** The newest failover seen. */
  #failover = -1;
  /** Number of checks for a failover. */
  #asked = 0;

  constructor(address: BrokerAddress) {
    this.#address = address;
    this.#servers = address.sentinels?.servers ?? [];
  }

  get mayChange(): boolean {
    return this.#address.sentinels !== undefined;
  }

  /** The address for messages. */
  get text(): string {
    return addressText(this.#address);
  }

  /** The address to connect to. Rejects if no Sentinel names a master. */
  async find(): Promise<BrokerAddress> {
    const { sentinels } = this.#address;
    if (sentinels === undefined) return this.#address;
    const failures: string[] = [];
    let older: NamedMaster | undefined;
    for (const server of this.#servers) {
      try {
        const named = await ask(server, sentinels, this.#address);
        if (named.failover < this.#failover) {
          if (older === undefined || named.failover > older.failover) older = named;
          continue;
        }
        this.#servers = [server, ...this.#servers.filter((other) => other !== server)];
        return this.#take(named);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    // The Sentinels were set up again and count from 0, or the one with the newer number is gone.
    if (older !== undefined) return this.#take(older);
    throw new Error(`no Sentinel names the master ${sentinels.master}: ${failures.join("; ")}`);
  }

  /** The server found last isn't the master: from now on, the Sentinel that named it is asked last. */
  distrust(): void {
    const [first, ...others] = this.#servers;
    if (first !== undefined) this.#servers = [...others, first];
  }

  /**
   * Whether a Sentinel knows of a newer failover than the one of the server found last. Each call asks the next Sentinel,
   * since a single one may be cut off. Never rejects.
   */
  async hasFailedOver(): Promise<boolean> {
    const { sentinels } = this.#address;
    const server = this.#servers[this.#asked++ % this.#servers.length];
    if (sentinels === undefined || server === undefined) return false;
    const named = await ask(server, sentinels, this.#address).catch(() => undefined);
    return named !== undefined && named.failover > this.#failover;
  }

  #take({ server, failover }: NamedMaster): BrokerAddress {
    this.#failover = failover;
    return { ...this.#address, ...server, sentinels: undefined };
  }
}

/** Asks one Sentinel. Rejects if it doesn't answer or knows no such master. */
async function ask(
  server: ServerAddress,
  { master, username, password }: Sentinels,
  { tls }: BrokerAddress,
): Promise<NamedMaster> {
  const name = `Sentinel ${serverText(server)}`;
  return namedBy(
    name,
    await askServer(name, { ...DEFAULT_ADDRESS, ...server, tls, username, password }, [
      ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", master],
      ["SENTINEL", "MASTER", master],
    ]),
  );
}

function namedBy(name: string, replies: readonly Reply[]): NamedMaster {
  const [server, details] = replies;
  if (server === null) throw new Error(`${name} knows no master of this name`);
  const error = replies.find((reply) => reply instanceof ErrorReply);
  if (error !== undefined) throw new Error(`${name}: ${error.message}`);
  const [host, port] = Array.isArray(server) ? server : [];
  if (typeof host !== "string" || !(Number(port) > 0)) throw new Error(`${name}: its answer makes no sense`);
  return { server: { host, port: Number(port) }, failover: failoverIn(details) };
}

/** The number of the failover; 0 if the Sentinel doesn't report it, so that all answers are equally new. */
function failoverIn(details: Reply | undefined): number {
  const pairs: readonly Reply[] = Array.isArray(details) ? details : [];
  const at = pairs.indexOf("config-epoch");
  return at < 0 ? 0 : Number(pairs[at + 1]) || 0;
}
